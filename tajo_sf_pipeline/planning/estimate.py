"""What a plan would cost: calls of Brevo's API, and the time they take at the account's limits."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tajo_sf_pipeline.brevo.budget import limit_of
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.planning.plan import Part, Plan

# Attributes and lists are read before anything is written.
_READS = 3
# Imports in flight are polled together; how often depends on Brevo.
_IMPORTS_POLLED_TOGETHER, _POLLS = 20, 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """Calls by the bucket of the account that they draw on, and the minutes that the slowest takes.

    The minutes are those of the limits; the time in which Brevo applies an import is its own.
    """

    calls: Mapping[str, int]
    minutes: float

    @property
    def api_calls(self) -> int:
        return sum(self.calls.values())


def estimate(plan: Plan, brevo: Brevo) -> Estimate:
    """Estimate from the plan's parts; a plan that sends nothing calls nobody."""
    calls: Counter[str] = Counter()
    for part in plan.parts:
        calls[part.route.bucket] += part.calls
        calls["others"] += _polls(part)
    if plan.parts:
        calls["contacts"] += _READS
    drawn = {bucket: count for bucket, count in calls.items() if count}
    minutes = [_minutes(bucket, count, brevo) for bucket, count in drawn.items()]
    return Estimate(drawn, round(max(minutes, default=0.0), 2))


def _minutes(bucket: str, count: int, brevo: Brevo) -> float:
    """Say how long the calls wait for each other; the first of a bucket go out at once."""
    limit, milliseconds = limit_of(brevo.plan, bucket)
    ours = max(1.0, limit * brevo.share)
    return max(0.0, count - ours) / ours * milliseconds / 60_000


def _polls(part: Part) -> int:
    if not part.route.polled:
        return 0
    return -(-part.calls // _IMPORTS_POLLED_TOGETHER) * _POLLS


def share_of_budget(brevo: Brevo, calls: int, seconds: float) -> float:
    """Return the part of the account's calls that so many took in so long, of contacts' bucket."""
    limit, milliseconds = limit_of(brevo.plan, "contacts")
    possible = limit * brevo.share * max(seconds * 1000 / milliseconds, 1)
    return round(min(calls / possible, 1.0), 4)
