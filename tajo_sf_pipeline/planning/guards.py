"""Whether a plan may be executed: evaluated before any write (S08), on numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tajo_sf_pipeline.audience.destination import Guards
from tajo_sf_pipeline.errors import ConfigurationError, GuardError

Guard = Literal["max_removed", "max_rejected", "min_rows", "volume"]
GUARDS: tuple[Guard, ...] = get_args(Guard)
_CODES: dict[Guard, str] = {
    "max_removed": "TAJO-802",
    "max_rejected": "TAJO-803",
    "min_rows": "TAJO-804",
    "volume": "TAJO-805",
}
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """What the guards look at; `volumes` are the rows that the last runs of this path extracted."""

    extracted: int
    rejected: int
    removed: int
    present: int
    volumes: Sequence[int] = ()


def accepted(names: Sequence[str]) -> frozenset[Guard]:
    """Take the names of guards that a person lets pass; refuse any other."""
    wrong = sorted(set(names) - set(GUARDS))
    if wrong:
        raise ConfigurationError(
            "TAJO-127",
            f"there is no guard {', '.join(wrong)}",
            f"The guards: {', '.join(GUARDS)}.",
        )
    return frozenset(guard for guard in GUARDS if guard in names)


def evaluate(guards: Guards, figures: Figures, accept: frozenset[Guard]) -> tuple[Guard, ...]:
    """Return the guards that would have stopped the run and were let pass.

    Raises `GuardError` that names every guard that stops it, the counts, and how to let it pass.
    """
    broken = {guard: message for guard in GUARDS if (message := _broken(guard, guards, figures))}
    stopping = [guard for guard in broken if guard not in accept]
    if stopping:
        raise GuardError(
            _CODES[stopping[0]],
            "nothing was written: " + "; ".join(broken[guard] for guard in stopping),
            "Look at the plan (`tajo plan`). If it is right, run the date again with "
            + " ".join(f"--accept-guard {guard}" for guard in stopping)
            + ", or change `guards` in the audience's file.",
        )
    return tuple(broken)


def _broken(guard: Guard, guards: Guards, figures: Figures) -> str | None:
    match guard:
        case "max_removed":
            limit, count, total = guards.max_removed, figures.removed, figures.present
            if limit.exceeded_by(count, total):
                return f"{count} of {total} rows would leave, guards.max_removed allows {limit}"
        case "max_rejected":
            rejects, count, total = guards.max_rejected, figures.rejected, figures.extracted
            if rejects is not None and rejects.exceeded_by(count, total):
                return f"{count} of {total} rows are rejected, guards.max_rejected allows {rejects}"
        case "min_rows":
            if figures.extracted < guards.min_rows:
                return (
                    f"{figures.extracted} rows were extracted, guards.min_rows wants "
                    f"{guards.min_rows}"
                )
        case "volume":
            return _unusual_volume(guards, figures)
    return None


def _unusual_volume(guards: Guards, figures: Figures) -> str | None:
    if guards.volume is None or not figures.volumes:
        return None
    usual = sum(figures.volumes) / len(figures.volumes)
    band = usual * guards.volume.number / _WHOLE
    if usual - band <= figures.extracted <= usual + band:
        return None
    return (
        f"{figures.extracted} rows were extracted, the last {len(figures.volumes)} runs had "
        f"{usual:.0f} on average and guards.volume allows {guards.volume} more or less"
    )
