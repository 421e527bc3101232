"""The Brevo API v3, over httpx: one plain client, its limits and budget, its endpoints.

It knows neither ledger nor plan nor source; the destinations import it.
"""
