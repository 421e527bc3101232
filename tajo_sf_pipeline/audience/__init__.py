"""One audience: its specification, statement, field mapping and destination, as frozen values.

It knows the configuration, and neither Snowflake nor Brevo; whoever does something with an audience
imports it.
"""
