"""State that releases wrote, kept for the tests of every later change (S26)."""
