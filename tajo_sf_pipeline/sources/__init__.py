"""Rows out of a warehouse: one protocol (`base.py`), and Snowflake's two transports behind it.

It imports the audience, and neither the mapping nor Brevo; the engine imports it.
"""
