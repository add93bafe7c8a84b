"""Other durable engines, each driven by one small module that runs in that engine's own environment."""
