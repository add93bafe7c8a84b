"""What a plan change is: tenants, plans, the rules and their findings; pure."""
