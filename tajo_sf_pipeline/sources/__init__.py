"""Rows out of a warehouse: one protocol (`base.py`), and Snowflake's two transports behind it.

It imports the audience, and neither the mapping nor Brevo; the engine and Dagster import the
protocol and `selection.py`, which alone knows which sources there are.
"""
