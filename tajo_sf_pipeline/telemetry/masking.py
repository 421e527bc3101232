"""Personal data as logs, metadata and errors may show it (S14)."""

import re


def masked(key: str) -> str:
    """Show an e-mail by its first letter and its domain; of anything else as little.

    >>> masked("jane.doe@example.com"), masked("no address")
    ('j***@example.com', 'n***')
    >>> masked("jane@a.example, bob@b.example (Bob)")
    'j***@b.example'
    """
    domains = re.findall(r"@[\w.-]+", key)
    return f"{key.strip()[:1]}***{domains[-1] if domains else ''}"
