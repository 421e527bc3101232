"""What a budget learns from each answer, by a clock that stands still (S13)."""

from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from tajo_sf_pipeline.brevo import budget as budgets
from tajo_sf_pipeline.brevo.budget import Budget, Slot

CONTACTS = "/v3/contacts"
LIMIT = 10  # a second, of the general plan
TOO_MANY = 429


class MustWaitError(Exception):
    """Raised instead of a pause, with its seconds."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give the clock, in milliseconds; a pause is an exception."""

    def stop(seconds: float) -> None:
        raise MustWaitError(seconds)

    moment = SimpleNamespace(now=1_790_000_000_000)
    monkeypatch.setattr(budgets.time, "sleep", stop)
    monkeypatch.setattr(budgets, "_now", lambda: moment.now)
    return moment


@pytest.fixture
def budget() -> Iterator[Budget]:
    """Give one that is nobody else's."""
    alone = Budget("0123456789abcdef")
    yield alone
    alone.close()


def _answered(budget: Budget, status: int = 200, **headers: str) -> None:
    with budget.slot(CONTACTS) as slot:
        slot.answered(status, {name.replace("_", "-"): text for name, text in headers.items()})


def _in_flight(budget: Budget, stack: ExitStack) -> Slot:
    return stack.enter_context(budget.slot(CONTACTS))


def _wait(budget: Budget) -> float:
    """Give for how long the next call would wait."""
    with pytest.raises(MustWaitError) as stopped, budget.slot(CONTACTS):
        pass
    seconds: float = stopped.value.args[0]
    return seconds


def test_s13_a_429_without_a_reset_is_slept_out_for_its_retry_after(budget: Budget) -> None:
    """Seven seconds are seven seconds."""
    _answered(budget, TOO_MANY, retry_after="7")
    assert 7.0 == _wait(budget)


def test_s13_an_answer_starts_the_growing_pauses_anew(
    budget: Budget, clock: SimpleNamespace
) -> None:
    """Of two 429s without headers the second waits longer; after an answer the next does not."""
    waits = []
    for status in (TOO_MANY, TOO_MANY, 200, TOO_MANY):
        _answered(budget, status)
        if status == TOO_MANY:
            waits.append(_wait(budget))
        clock.now += 10_000
    assert [1.0, 2.0, 1.0] == waits


def test_s13_an_answer_that_comes_after_a_429_does_not_lift_its_pause(budget: Budget) -> None:
    """Of two calls in flight one is told to wait for 30 s, then the other is answered well."""
    with ExitStack() as stack:
        refused, good = (_in_flight(budget, stack) for _ in range(2))
        refused.answered(TOO_MANY, {"x-sib-ratelimit-reset": "30"})
        good.answered(200, {})
    assert 30.0 == _wait(budget)


def test_s13_a_call_counts_from_its_answer(budget: Budget) -> None:
    """Calls that are answered at once make room a second later, and not later than that."""
    for _ in range(LIMIT):
        _answered(budget)
    assert 1.0 == pytest.approx(_wait(budget), abs=0.002)


def test_s13_calls_in_flight_are_held_further_apart_after_a_429(
    budget: Budget, clock: SimpleNamespace
) -> None:
    """Where two calls met in one second, each is given more time to travel for a minute."""
    waits = []
    with ExitStack() as stack:
        for pause in (0, 2_000, 61_000):
            if pause:
                _answered(budget, TOO_MANY, x_sib_ratelimit_reset="0.1")
            clock.now += pause
            for _ in range(LIMIT):
                _in_flight(budget, stack)
            waits.append(round(_wait(budget), 2))
            clock.now += 5_000
    assert [1.05, 1.25, 1.05] == waits
