"""``POST /v3/contacts/import``: from the request to the stored contacts and the reports."""
