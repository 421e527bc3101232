"""Rows out of the warehouse."""
