"""What `tajo config validate` lets pass, Dagster loads: its own rules are asked for the same."""

import string
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

import dagster as dg
import pytest
from dagster._core.definitions.utils import is_valid_owner
from dagster._time import get_timezone
from dagster._utils.schedules import cron_string_iterator, is_valid_cron_string
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tajo_sf_pipeline.audience.catalog import NAME
from tajo_sf_pipeline.audience.freshness import Freshness
from tajo_sf_pipeline.config.cron import check_cron
from tajo_sf_pipeline.config.settings import Owner, TimeZone, WorkspaceFile

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
# What people write, and a few of which nobody would.
CRONS = """
* * * * *|0 */6 * * *|*/15 * * * *|0 3 * * *|30 4 1 * *|0 0 29 2 *|0 0 l * *|0 0 L 2 *
0 9-17 * * mon-fri|0 0 * jan,JUL sun|0 0 1-15/2 * *|5/10 * * * *|0 22-4 * * *|0 0 * * fri-mon
0 0 * * 5-7|0 0 * * 7|0 0 ? * 1|0 0 1 * ?|0 0 * * fri#2|0 0 * * 5#3|0 0 * * L5
0 0 * * mon#1,tue#2|0 0 20-l * *|0 0 31 1,3 *|0 0 30 2 *,1|@daily|@hourly|@weekly|@monthly
@yearly|@annually|@midnight|@Daily|0   0 * *\t*|00 03 * * *|* * * *|* * * * * *|* * * * * * *
60 * * * *|* 24 * * *|0 0 0 * *|0 0 32 * *|0 0 * 0 *|0 0 * 13 *|0 0 * * 8|0 0 30 2 *|0 0 31 2 *
0 0 31 4 *|0 0 30-31 2 *|0 0 31 4,6,9,11 *|0 0 30 2 1|0 0 30,31 2 *|@reboot|@often|*/0 * * * *
*-5 * * * *|1-2-3 * * * *|1,,2 * * * *|,1 * * * *|-1 * * * *|a * * * *|0 0 * mon *|0 0 * * jan
0 0 * * fri#6|0 0 * * fri#0|0 0 * * fri#2,1|0 0 ?,1 * *|? * * * *|h * * * *|0 l * * *
1.5 * * * *|*/x * * * *|0 0 l-3 * *|0 0 * * 1#|0 0 * * #1|0 0 * * l|0 0 * l *|5/70 * * * *
*/90 * * * *|0 0 */31 2 *|@
"""


def _runs(cron: str) -> bool:
    """Ask Dagster whether it takes a schedule and finds a next tick for it."""
    try:
        return (
            is_valid_cron_string(cron) and next(cron_string_iterator(NOW, cron, "UTC")) is not None
        )
    except Exception:  # noqa: BLE001 - whatever it raises, the location does not load
        return False


def _passes(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def _is_cron(text: str) -> bool:
    try:
        check_cron(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("cron", [cron for line in CRONS.splitlines() for cron in line.split("|")])
def test_a_schedule_passes_where_dagster_runs_it(cron: str) -> None:
    """Neither more nor less, of all that a person may write."""
    assert _runs(cron) == _is_cron(cron)


_VALUES = st.one_of(
    st.integers(0, 62).map(str),
    st.sampled_from(["*", "?", "l", "jan", "feb", "dec", "sun", "mon", "sat", "L5", "5#2", ""]),
)
_ITEMS = st.one_of(
    _VALUES,
    st.builds("{}-{}".format, _VALUES, _VALUES),
    st.builds("{}/{}".format, _VALUES, _VALUES),
    st.builds("{}-{}/{}".format, _VALUES, _VALUES, st.integers(0, 40)),
)
_FIELD = st.lists(_ITEMS, min_size=1, max_size=3).map(",".join)
_LIKELY = st.one_of(st.just("*"), _FIELD)


@given(st.lists(_LIKELY, min_size=4, max_size=6).map(" ".join))
@settings(max_examples=1500)
@example("0 0 31 2 0-6")
def test_no_schedule_passes_that_dagster_refuses(cron: str) -> None:
    """Also where nobody would think of it; what is stranger than the table may be refused."""
    assert _runs(cron) or not _is_cron(cron)


@given(st.text("*/-,#?lLrRhH0123456789 @abcdefjmnostuw", max_size=24))
@settings(max_examples=500)
def test_no_text_passes_that_dagster_refuses(cron: str) -> None:
    """A slip of the finger ends in `config validate`, and not in a location that does not load."""
    assert _runs(cron) or not _is_cron(cron)


OWNERS = ["team:crm", "team:a b", "ada@example.com", "a.b+c@mail.example.co", "_a@b.io", "TEAM:crm"]
OWNERS += ["", "team:", "crm", "ada@example", "ada@example.c", "ada@example.technology", "@b.co"]
OWNERS += [".a@b.co", "-a@b.co", "a@b.co ", " a@b.co", "a@b.co\n", "a@b..co", "é@b.co", "a@b@c.co"]


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owner_passes_where_dagster_takes_it(owner: str) -> None:
    """An address or a team, as Dagster knows them."""
    assert is_valid_owner(owner) == _passes(Owner, owner)


@given(
    st.one_of(
        st.builds("{}@{}.{}".format, st.text(max_size=4), st.text(max_size=4), st.text(max_size=8)),
        st.text(string.printable, max_size=20),
        st.emails(),
        st.text(max_size=4).map("team:{}".format),
    )
)
@settings(max_examples=500)
def test_no_owner_passes_that_dagster_refuses(owner: str) -> None:
    """Whoever owns an audience is shown with each of its assets."""
    assert is_valid_owner(owner) or not _passes(Owner, owner)


def test_every_time_zone_that_passes_is_one_of_dagsters() -> None:
    """Schedules and partitions are in the workspace's zone."""
    names = [*available_timezones(), "UTC", "utc", "Europe", "Mars/Phobos", "", "../x", "localtime"]
    passing = [name for name in names if _passes(TimeZone, name)]
    assert len(passing) > 400
    for name in passing:
        assert get_timezone(name) is not None
        dg.DailyPartitionsDefinition("2026-01-01", timezone=name, end_offset=1)


@given(st.from_regex(NAME, fullmatch=True))
@example("class")
@example("context")
@example("a__extract")
@example("a" * 250)
@settings(max_examples=50, deadline=None)
def test_an_audience_may_be_called_what_dagster_loads(name: str) -> None:
    """Also by a word that is reserved in Python: what Dagster names after it is longer."""

    @dg.asset(key=[name, "extract"], group_name=name, pool=f"audience_{name}")
    def extract() -> None:
        pass

    job = dg.define_asset_job(f"{name}_incremental", [extract], tags={"tajo/audience": name})
    schedule = dg.ScheduleDefinition(f"{name}_schedule", cron_schedule="@daily", job=job)
    definitions = dg.Definitions([extract], jobs=[job], schedules=[schedule])
    dg.Definitions.validate_loadable(definitions)


@pytest.mark.parametrize("age", ["2m", "30h", "36500d"])
def test_the_shortest_and_the_longest_age_make_a_policy(age: str) -> None:
    """Dagster wants more than a minute between warning and failing."""
    shortest = Freshness(max_age=age).max_age  # type: ignore[arg-type]
    assert shortest is not None
    dg.FreshnessPolicy.time_window(fail_window=shortest, warn_window=shortest * 0.8)


@pytest.mark.parametrize(
    ("day", "passes"),
    [("0001-01-01", False), ("1970-01-01", True), ("2999-12-31", True), ("9999-12-31", False)],
)
def test_a_start_date_passes_where_dagster_counts_from_it(day: str, *, passes: bool) -> None:
    """Its partitions are moments in seconds since 1970."""
    assert passes == _passes(WorkspaceFile.model_fields["start_date"].rebuild_annotation(), day)
    if passes:
        dg.DailyPartitionsDefinition(day, timezone="Pacific/Auckland", end_offset=1)
