"""Source rows to what Brevo takes: Arrow in, Arrow out, no network, no clock, no settings.

Only `duplicates` reads a file: the rows of an extract beside each other may not fit in memory.
"""
