"""The MySQL client/server protocol as bytes and values: sans-IO, no Twisted import."""
