"""Other projects' test suites, run at the database itself and through the proxy, and compared."""
