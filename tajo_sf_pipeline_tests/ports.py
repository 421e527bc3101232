"""Ports for servers that a test starts by number."""

import random
from contextlib import suppress

from tajo_sf_pipeline.sandbox.servers import SandboxError, free_ports


def two_ports() -> int:
    """Return the first of two neighbours that are free, where the system gives out none itself."""
    for port in random.sample(range(20_000, 32_000, 2), 100):
        with suppress(SandboxError):
            return free_ports(port)[0]
    raise AssertionError("no two ports are free")
