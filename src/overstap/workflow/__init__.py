"""What a durable run is; pure, and knows no plans."""
