"""Pooling and the borrow queue; knows connections only through an interface."""
