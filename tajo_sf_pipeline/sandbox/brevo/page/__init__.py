"""``/``: what has arrived, for a person who tries the demo; one page without a script."""
