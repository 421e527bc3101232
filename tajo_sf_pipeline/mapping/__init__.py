"""Source rows to what Brevo takes: Arrow in, Arrow out, every row mapped or rejected.

Pure: no network, no clock, no state. It imports the audience alone; the engine imports it.
"""
