"""The Brevo API v3, over httpx."""
