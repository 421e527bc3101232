"""Who is told when something is wrong, and told again when it is right."""
