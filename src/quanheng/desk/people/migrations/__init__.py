"""Migrations of the people store; `database.migrate` runs them."""
