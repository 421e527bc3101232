"""What runs in an environment of its own: each is started as a file; `mapped` is shared."""
