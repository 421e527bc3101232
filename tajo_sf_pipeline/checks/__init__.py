"""Verdicts on a partition, independent of who shows them: Dagster and the terminal do.

It reads what the engine has left, and imports it.
"""
