"""Tenants: clients that belong together, and what they may take. See docs/tenants.md."""
