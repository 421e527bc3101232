"""What a check found: whether it holds, the counts behind it, and a few masked examples."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tajo_sf_pipeline.errors import TajoError

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problems` are one line each and name no person; `examples` are masked already.

    A verdict that fails and is `mild` is at most a warning, whatever the check's severity.
    `error` is what a run says that the check stops.
    """

    passed: bool
    counts: Mapping[str, int | float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    examples: tuple[Mapping[str, str | int], ...] = ()
    mild: bool = False
    error: TajoError | None = None
