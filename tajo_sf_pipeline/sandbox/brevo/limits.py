"""Rate limits: three buckets for each account (developers.brevo.com/docs/api-limits).

Brevo documents requests per second and per hour; that its windows are fixed, and that the headers
speak of the window with the least left, are choices made here.
"""

import math
from dataclasses import dataclass, field

PLANS = {"general": 1, "advanced": 2, "extended": 6}
"""How many times the limits of the general plan."""

_SECOND, _HOUR = 1, 3600
_BUCKETS = {
    "contacts": ((10, _SECOND), (36_000, _HOUR)),
    "events": ((10, _SECOND), (36_000, _HOUR)),
    "others": ((100, _HOUR),),
}


def bucket_of(path: str) -> str:
    section = path.removeprefix("/v3/").split("/")[0]
    return section if section in _BUCKETS else "others"


@dataclass(slots=True)
class _Window:
    limit: int
    seconds: int
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
    plan: str
    _buckets: dict[str, list[_Window]] = field(init=False)

    def __post_init__(self) -> None:
        factor = PLANS[self.plan]
        self._buckets = {
            name: [_Window(limit * factor, seconds) for limit, seconds in windows]
            for name, windows in _BUCKETS.items()
        }

    def spend(self, path: str, now: float) -> Verdict:
        """Take one request out of the path's bucket; a refused request takes nothing."""
        windows = self._buckets[bucket_of(path)]
        for window in windows:
            window.turn(now)
        allowed = all(window.left for window in windows)
        if allowed:
            for window in windows:
                window.used += 1
        tightest = min(windows, key=lambda window: (window.left, -window.seconds))
        return Verdict(allowed, tightest.headers(now))
