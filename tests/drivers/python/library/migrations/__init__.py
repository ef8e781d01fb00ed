"""How the tables of the models came about."""
