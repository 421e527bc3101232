"""Source rows to what Brevo takes: Arrow in, Arrow out, no network, no clock, no files."""
