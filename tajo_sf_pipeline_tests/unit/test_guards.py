"""The guards on numbers alone: what stops a run at which boundary, and what a person lets pass."""

from typing import Any

import pytest
from pydantic import ValidationError

from tajo_sf_pipeline.audience.destination import Guards
from tajo_sf_pipeline.errors import ConfigurationError, GuardError
from tajo_sf_pipeline.planning.guards import GUARDS, Figures, accepted, evaluate

CODES = ("TAJO-802", "TAJO-803", "TAJO-804", "TAJO-805")


def _figures(**known: Any) -> Figures:
    return Figures(**{"extracted": 0, "rejected": 0, "removed": 0, "present": 0, **known})


def _stops(guards: Guards, figures: Figures, *accept: str) -> str | None:
    """Give the code of the error, or None where the run may go on."""
    try:
        evaluate(guards, figures, accepted(accept))
    except GuardError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("limit", "removed", "present", "stops"),
    [
        ("20%", 20, 100, False),
        ("20%", 21, 100, True),
        ("20%", 0, 0, False),
        ("20%", 1, 4, True),
        ("12.5%", 1, 8, False),
        ("0%", 1, 1000, True),
        ("100%", 8, 8, False),
        (20, 20, 21, False),
        (20, 21, 1_000_000, True),
        (0, 0, 10, False),
        (0, 1, 10, True),
    ],
)
def test_s08_max_removed(limit: str | int, removed: int, present: int, stops: bool) -> None:
    """As many as the limit may leave, as a part of what the audience holds or in rows; no more."""
    figures = _figures(removed=removed, present=present, extracted=1)
    assert ("TAJO-802" if stops else None) == _stops(Guards(max_removed=limit), figures)


def test_s08_a_fifth_may_leave_by_default() -> None:
    """Who says nothing is guarded; nothing else stops a run by default."""
    assert None is _stops(Guards(), _figures(removed=2, present=10, rejected=10, extracted=10))
    assert "TAJO-802" == _stops(Guards(), _figures(removed=3, present=10))


@pytest.mark.parametrize(
    ("limit", "rejected", "extracted", "stops"),
    [
        ("5%", 5, 100, False),
        ("5%", 6, 100, True),
        ("5%", 0, 0, False),
        (10, 10, 10, False),
        (10, 11, 1_000_000, True),
        (0, 1, 1_000_000, True),
    ],
)
def test_max_rejected(limit: str | int, rejected: int, extracted: int, stops: bool) -> None:
    """As many as the limit may be rejected, as a part of the extract or in rows."""
    figures = _figures(rejected=rejected, extracted=extracted)
    assert ("TAJO-803" if stops else None) == _stops(Guards(max_rejected=limit), figures)


@pytest.mark.parametrize(("extracted", "stops"), [(0, True), (9, True), (10, False), (11, False)])
def test_min_rows(extracted: int, stops: bool) -> None:
    """Fewer rows than wanted stop the run, rejected ones counted too."""
    figures = _figures(extracted=extracted, rejected=extracted)
    assert ("TAJO-804" if stops else None) == _stops(Guards(min_rows=10), figures)


@pytest.mark.parametrize(
    ("extracted", "volumes", "stops"),
    [
        (50, [100], False),
        (49, [100], True),
        (150, [100], False),
        (151, [100], True),
        (0, [], False),  # the first run has nothing to be compared with
        (0, [0, 0], False),
        (1, [0, 0], True),
        (100, [50, 150], False),  # the mean of them
        (151, [50, 150], True),
    ],
)
def test_volume(extracted: int, volumes: list[int], stops: bool) -> None:
    """The extract may be so far from the mean of the last runs, up or down, and no farther."""
    figures = _figures(extracted=extracted, volumes=volumes)
    assert ("TAJO-805" if stops else None) == _stops(Guards(volume="50%"), figures)


EVERY = Guards(max_removed=0, max_rejected=0, min_rows=100, volume="10%")
BAD = _figures(extracted=10, rejected=1, removed=3, present=5, volumes=[100])


def test_every_guard_that_stops_a_run_is_told_at_once() -> None:
    """With its counts and its limit, and the words that let all of them pass."""
    with pytest.raises(GuardError) as stopped:
        evaluate(EVERY, BAD, frozenset())
    assert 4 == stopped.value.exit_code
    assert (
        "nothing was written: 3 of 5 rows would leave, guards.max_removed allows 0 rows; "
        "1 of 10 rows are rejected, guards.max_rejected allows 0 rows; "
        "10 rows were extracted, guards.min_rows wants 100; "
        "10 rows were extracted, the last 1 runs had 100 on average and guards.volume allows 10% "
        "more or less"
    ) == stopped.value.happened
    wanted = " ".join(f"--accept-guard {name}" for name in GUARDS)
    assert wanted in stopped.value.next_step


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ((), CODES[0]),
        (GUARDS[:1], CODES[1]),
        (("max_rejected", "max_removed"), CODES[2]),
        (GUARDS[:3], CODES[3]),
        (GUARDS[1:], CODES[0]),
        (GUARDS, None),
    ],
)
def test_a_person_lets_some_pass_and_no_others(accept: tuple[str, ...], code: str | None) -> None:
    """What is not accepted still stops the run."""
    assert code == _stops(EVERY, BAD, *accept)


def test_what_was_let_pass_is_told_and_no_more() -> None:
    """Only guards that would have stopped the run are recorded, in their own order."""
    found = evaluate(EVERY, BAD, accepted(("volume", "min_rows", "max_rejected", "max_removed")))
    assert GUARDS == found
    assert ("max_removed",) == evaluate(Guards(max_removed=0), BAD, accepted(GUARDS))
    assert () == evaluate(Guards(max_removed=3), BAD, accepted(GUARDS))


def test_an_unknown_guard_is_refused_by_its_name() -> None:
    """A misspelt name never passes for one that is not broken; the known ones are listed."""
    with pytest.raises(ConfigurationError) as refused:
        accepted(("volume", "max_remove"))
    assert ("TAJO-127", "there is no guard max_remove") == (
        refused.value.code,
        refused.value.happened,
    )
    assert "max_removed, max_rejected, min_rows, volume" in refused.value.next_step


@pytest.mark.parametrize(
    ("guards", "told"),
    [
        ({"max_removed": "a fifth"}, "must be a number of rows such as 100, or a part such as 20%"),
        ({"max_removed": -1}, "must be a number of rows such as 100, or a part such as 20%"),
        ({"max_rejected": True}, "must be a number of rows such as 100, or a part such as 20%"),
        ({"volume": 100}, "`volume` must be a part such as 50%"),
        ({"min_rows": -1}, "greater than or equal to 0"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(guards: dict[str, Any], told: str) -> None:
    """A guard is a number of rows or a part; the volume is a part."""
    with pytest.raises(ValidationError, match=told.replace("(", "\\(")):
        Guards.model_validate(guards)
