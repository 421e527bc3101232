"""The account's rate limits, held by every thread and process of a machine (S13).

pyrate-limiter keeps one entry for each call in a SQLite file, and says when the next one has
room. What it does not know stands beside its tables: a 429 holds everybody back, the backfill
path steps back for the incremental one, and a call counts from its answer, not from its start.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pyrate_limiter import Rate, RateItem

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.brevo.shared_calls import SharedCalls

_log = logging.getLogger(__name__)
_SECOND, _HOUR = 1000, 3_600_000  # pyrate-limiter counts in milliseconds
_FACTORS = {"general": 1, "advanced": 2, "extended": 6}
# developers.brevo.com/docs/api-limits, the general plan. Of contacts and events an hour may hold
# 3,600 times what a second does: the second is all that binds.
_LIMITS = {"contacts": (10, _SECOND), "events": (10, _SECOND), "others": (100, _HOUR)}
# Brevo counts a call when it arrives, somewhere between its start and its answer. We count it from
# its answer, or from this long after its start where the answer takes longer: so two calls of which
# the second travelled faster do not meet in one second.
_TRAVEL, _TRAVEL_AFTER_429 = 50, 250
_CAUTION = 60_000  # for so long after a 429
_LEASE = 250  # a backfill steps back for so long after each call of the incremental path
# Of an hour's calls the backfill leaves these to the incremental path: it could wait an hour.
_KEPT_FOR_INCREMENTAL = 0.2
_LONGEST_HOLD = _HOUR + 60_000  # a reset that says more is no relative number of seconds
_CLOCKS_DIFFER = 1_000
_WORTH_TELLING = 5_000
_TOO_MANY = 429


class Budget:
    """What one credential may draw; `folder` is where processes share it, None is for itself.

    `share` is the part of the plan's limits that is ours. The file is named by `credential`, which
    must be a hash.
    """

    def __init__(
        self,
        credential: str,
        *,
        plan: str = "general",
        share: float = 1.0,
        folder: Path | None = None,
        path: Lane = "incremental",
    ) -> None:
        self._path = path
        self._limits = {
            name: (max(1, int(limit * _FACTORS[plan] * share)), interval)
            for name, (limit, interval) in _LIMITS.items()
        }
        file = folder / f"{credential}.sqlite" if folder else None
        self._calls = SharedCalls(file, _LIMITS, Rate(1, _SECOND))
        self._refusals = dict.fromkeys(_LIMITS, 0)
        self.reported_limits: dict[str, int] = {}
        """What Brevo's answers called the limit of a bucket, as far as they did."""

    def close(self) -> None:
        self._calls.close()

    @contextmanager
    def slot(self, path: str) -> Iterator["Slot"]:
        """Wait until a call of `path` has room; call `answered` of the slot with what came."""
        name = bucket_of(path)
        while True:
            with self._calls.alone():
                wait, slot = self._take(name)
            if slot:
                break
            if wait >= _WORTH_TELLING:
                _log.info("Brevo's budget for %s is used up: waiting %.0f s", name, wait / 1000)
            time.sleep(wait / 1000)
        yield slot

    def _take(self, name: str) -> tuple[int, "Slot | None"]:
        """Return a slot, or how many milliseconds there is none for sure."""
        now, holds = _now(), self._calls.holds(name)
        held = max(holds.everybody, holds.backfill if self._path == "backfill" else 0)
        if now < held <= now + _LONGEST_HOLD:
            return held - now, None
        travel = _TRAVEL_AFTER_429 if holds.caution > now else _TRAVEL
        bucket, item = self._calls.buckets[name], RateItem(uuid.uuid4().hex, now)
        bucket.rates = [self._rate(name, travel)]
        self._calls.forget_after(name, now + _CLOCKS_DIFFER)
        bucket.leak(now)
        taken = bucket.put(item)
        wait = 0 if taken else max(1, cast("int", bucket.waiting(item)))
        if self._path == "incremental":
            self._calls.hold(name, backfill=now + wait + _LEASE)
        return wait, Slot(self, name, item, travel) if taken else None

    def answered(self, slot: "Slot", status: int, headers: Mapping[str, str]) -> None:
        """Count a call from its answer, and learn from what Brevo says of the limits."""
        now = _now()
        with self._calls.alone():
            if now < slot.item.timestamp + slot.travel:
                self._calls.move(slot.name, slot.item.name, now - slot.travel)
            if self._path == "incremental":
                self._calls.hold(slot.name, backfill=now + _LEASE)
            self._learn(slot.name, status, headers, now)

    def _learn(self, name: str, status: int, headers: Mapping[str, str], now: int) -> None:
        limit, remaining, reset = (
            _number(headers.get(f"x-sib-ratelimit-{what}"))
            for what in ("limit", "remaining", "reset")
        )
        ours, interval = self._limits[name]
        if limit:
            self.reported_limits[name] = int(limit)
        if limit is not None and 0 < limit < ours:
            self._limits[name] = (int(limit), interval)
        until = now + min(int(reset * 1000), _LONGEST_HOLD) if reset is not None else None
        if status == _TOO_MANY:
            self._refusals[name] += 1
            retry = _number(headers.get("retry-after"))
            after = reset if reset is not None else retry
            if after is None:
                # No word of when: longer each time, up to a minute.
                after = min(2 ** (self._refusals[name] - 1), 60)
            self._calls.hold(
                name,
                everybody=now + min(max(int(after * 1000), 100), _LONGEST_HOLD),
                caution=now + _CAUTION,
            )
            return
        self._refusals[name] = 0
        # A reset of up to a second is rounded up: our own count of that second is the finer one.
        if until is None or remaining is None or until <= now + _SECOND:
            return
        if remaining <= 0:
            self._calls.hold(name, everybody=until)
        elif limit and remaining <= limit * _KEPT_FOR_INCREMENTAL and interval == _HOUR:
            self._calls.hold(name, backfill=until)

    def _rate(self, name: str, travel: int) -> Rate:
        limit, interval = self._limits[name]
        if self._path == "backfill" and interval == _HOUR:
            limit = max(1, int(limit * (1 - _KEPT_FOR_INCREMENTAL)))
        return Rate(limit, interval + travel)


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one call."""

    budget: Budget
    name: str
    item: RateItem
    travel: int

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self.budget.answered(self, status, headers)


def limits_of(plan: str) -> dict[str, tuple[int, str]]:
    """Return each bucket's limit in a plan, and the unit of time that it is for."""
    units = {_SECOND: "s", _HOUR: "h"}
    limits = {name: limit_of(plan, name) for name in _LIMITS}
    return {name: (limit, units[interval]) for name, (limit, interval) in limits.items()}


def limit_of(plan: str, bucket: str) -> tuple[int, int]:
    """Return how many calls of a bucket the plan allows, and in how many milliseconds."""
    limit, interval = _LIMITS[bucket]
    return limit * _FACTORS[plan], interval


def bucket_of(path: str) -> str:
    """Return the bucket that a call draws on; that of event batches is undocumented."""
    section = path.partition("/v3/")[2].partition("/")[0]
    return section if section in _LIMITS else "others"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _number(text: str | None) -> float | None:
    try:
        return max(float(text), 0.0) if text is not None else None
    except ValueError:
        return None
