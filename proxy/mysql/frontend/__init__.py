"""The client-facing side: the proxy speaks as a MySQL server."""
