"""Everything that knows the MySQL protocol or its SQL; another engine family would be a sibling."""
