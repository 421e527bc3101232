"""Audiences from a Snowflake warehouse into Brevo."""

from stamina.instrumentation import set_on_retry_hooks

__version__ = "0.1.0"

# Stamina's own log line shows what was called with what, which may be personal data (S14).
set_on_retry_hooks([])
