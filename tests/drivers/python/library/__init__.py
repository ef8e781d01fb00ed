"""A small Django application for the tests."""
