"""Target group, targets and their health."""
