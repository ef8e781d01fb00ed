"""What a target's own words say of its place among the others: one module for each kind of topology."""
