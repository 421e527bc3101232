"""Personal data as logs may show it."""

import pytest

from tajo_sf_pipeline.telemetry.masking import masked


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("jane.doe@example.com", "j***@example.com"),
        ("  jane@example.com\n", "j***@example.com"),
        ("no address", "n***"),
        ("+33612345678", "+***"),
        ("", "***"),
        ("jane@a.example, bob@b.example", "j***@b.example"),
        ("jane@doe@example.com", "j***@example.com"),
        ("jane@example.com (Jane Doe)", "j***@example.com"),
    ],
)
def test_s14_masked(key: str, shown: str) -> None:
    """A key shows its first letter and a domain, also where it is not an address at all."""
    assert shown == masked(key)
