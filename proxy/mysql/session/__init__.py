"""The client session as a value: sans-IO, no Twisted import."""
