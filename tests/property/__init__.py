"""The proxy's promise as a property: no client can tell that it shares its connection."""
