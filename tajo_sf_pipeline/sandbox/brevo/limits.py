"""Rate limits: three buckets for each credential (developers.brevo.com/docs/api-limits).

Brevo documents requests per second and per hour; that its windows are fixed, and that the headers
speak of the window with the least left, are choices made here.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PLANS = {"general": 1, "advanced": 2, "extended": 6}
"""How many times the limits of the general plan."""

_SECOND, _HOUR = 1, 3600
BUCKETS: Mapping[str, Sequence[tuple[int, int]]] = {
    "contacts": ((10, _SECOND), (36_000, _HOUR)),
    "events": ((10, _SECOND), (36_000, _HOUR)),
    "others": ((100, _HOUR),),
}


def bucket_of(path: str, events_batch: str = "events") -> str:
    """Which bucket of ``/events/batch`` is not documented: `events_batch` says."""
    if path == "/v3/events/batch":
        return events_batch
    section = path.removeprefix("/v3/").split("/")[0]
    return section if section in BUCKETS else "others"


@dataclass(slots=True)
class _Window:
    limit: int
    seconds: float
    started: float = -math.inf
    used: int = 0

    def turn(self, now: float) -> None:
        if now >= self.started + self.seconds:
            self.started, self.used = now, 0

    @property
    def left(self) -> int:
        return self.limit - self.used

    def headers(self, now: float) -> dict[str, str]:
        """Give `reset` as the seconds that remain (developers.brevo.com/docs/limit-headers)."""
        return {
            "x-sib-ratelimit-limit": str(self.limit),
            "x-sib-ratelimit-remaining": str(self.left),
            "x-sib-ratelimit-reset": str(math.ceil(self.started + self.seconds - now)),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    allowed: bool
    headers: dict[str, str]


@dataclass(slots=True)
class RateLimits:
    """The buckets of one credential; `overrides` are calls and seconds for each named bucket."""

    plan: str
    overrides: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    _buckets: dict[str, list[_Window]] = field(init=False)
    _spending: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        factor = PLANS[self.plan]
        self._buckets = {
            name: [_Window(limit * factor, seconds) for limit, seconds in windows]
            for name, windows in BUCKETS.items()
        }
        for name, given in self.overrides.items():
            self._buckets[name] = [_Window(int(limit), seconds) for limit, seconds in given]

    def spend(self, bucket: str, now: float) -> Verdict:
        """Take one request out of the bucket; a refused request takes nothing."""
        windows = self._buckets[bucket]
        with self._spending:
            for window in windows:
                window.turn(now)
            allowed = all(window.left for window in windows)
            if allowed:
                for window in windows:
                    window.used += 1
            tightest = min(windows, key=lambda window: (window.left, -window.seconds))
            return Verdict(allowed, tightest.headers(now))
