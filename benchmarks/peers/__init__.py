"""The product beside what a user would pick instead: the same rows, one server, one run."""
