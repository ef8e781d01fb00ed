"""A private database, a sample schema and the demo that make run starts."""
