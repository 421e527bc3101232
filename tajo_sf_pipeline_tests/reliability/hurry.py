"""What makes a run of few rows cheap and its windows many, without changing what it does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tajo_sf_pipeline.brevo import budget, limits
from tajo_sf_pipeline.destinations import contacts, list_removals, single_calls


@contextmanager
def hurried(*, by_import: bool) -> Iterator[None]:
    """Have a run of few rows be one of many windows, by import if wanted, and wait for nothing."""
    clock = _Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contacts, "FEW", 0 if by_import else 100)
        patch.setattr(limits, "IMPORT_BYTES", 300)  # two rows, or three
        patch.setattr(single_calls, "_BATCH", 2)
        patch.setattr(limits, "BATCH_EVENTS", 2)
        patch.setattr(list_removals, "_REMOVALS", 2)
        patch.setattr(budget, "_LIMITS", dict.fromkeys(budget._LIMITS, (1_000_000, 1_000)))  # noqa: SLF001 - there is no setting for it
        patch.setattr(budget, "time", SimpleNamespace(time_ns=clock.time_ns, sleep=clock.sleep))
        yield


class _Clock:
    """Goes on by itself, and jumps where somebody would wait."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def time_ns(self) -> int:
        return time.time_ns() + int(self._ahead * 1e9)

    def sleep(self, seconds: float) -> None:
        self._ahead += seconds
