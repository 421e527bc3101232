"""Defects that were planted on purpose, each with the test that finds it."""
