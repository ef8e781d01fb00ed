"""The target-facing side: the proxy speaks as a MySQL client."""
