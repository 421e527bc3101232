"""Every verb of the ledger on one file: what it says, and what the whole file holds afterwards.

`BEFORE` is what the file holds before each case. A case names the tables that change, with all that
they hold then; every other table must be as it was.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_sf_pipeline.planning.diff import WITHHELD, Wanted, compare
from tajo_sf_pipeline.state import ledger as ledger_module
from tajo_sf_pipeline.state.base import CampaignRecord, Known
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline.state.run_summary import Planned, Summary
from tajo_sf_pipeline.storage.arrow_file import rows_of

Tables = dict[str, list[tuple[Any, ...]]]
# They were accepted; LEFT was taken off the mirror since, and an update of SICK failed.
JANE, LEFT, SICK = "jane@example.com", "left@example.com", "sick@example.com"
# They were refused and never accepted; HELD may have arrived, and NEW was never seen.
BAD, HELD, NEW = "bad@example.com", "held@example.com", "new@example.com"
GUEST = "guest@example.com"  # was on list 7 before the audience
DATE, LATER = date(2026, 3, 1), date(2026, 3, 2)
THEN = datetime(2026, 3, 9, 8, tzinfo=UTC)  # all that is before was written at that moment
NOW = datetime(2026, 3, 9, 9, tzinfo=UTC)


def _day(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


NEWER = _day(6)


def _summary(run_id: str, **more: Any) -> Summary:
    zero = dict.fromkeys(
        ("rejected", "created", "updated", "stale", "unchanged", "confirmed", "failed", "pending"),
        0,
    )
    told = {"extracted": 0, "api_calls": 0, "seconds": 0.5} | zero | more
    return Summary(audience="vips", sync_date="2026-03-01", run_id=run_id, **told)


BEFORE: Tables = {
    "schema_version": [(4,)],
    # key, fingerprint, version, present, list, lists, source_row, sync_date, action, run, moment
    "rows": [
        (JANE, 11, _day(3), True, "gold", [7], 0, DATE, "create", "first", THEN),
        (LEFT, 12, _day(3), False, None, [], None, DATE, "remove", "first", THEN),
        (SICK, 13, _day(3), True, "gold", [7, 8], 2, DATE, "update", "first", THEN),
    ],
    "payloads": [(JANE, "jane 1", THEN), (LEFT, "left 1", THEN), (SICK, "sick 1", THEN)],
    # key, fingerprint, version, payload, list, email and sms flag, source_row, sync_date, held,
    # reason, run, moment
    "failed": [
        (BAD, 21, _day(4), "bad 1", "gold", True, None, 3, DATE, False, "no", "first", THEN),
        (HELD, 22, _day(4), "held 1", None, None, False, 4, DATE, True, "lost", "first", THEN),
        (SICK, 23, _day(4), "sick 2", None, None, None, 5, DATE, False, "no", "first", THEN),
    ],
    "runs": [
        ("first", THEN, _summary("first", extracted=5).as_json()),
        ("stopped", THEN, _summary("stopped", outcome="vendor_outage").as_json()),
    ],
    "campaigns": [("Welcome", 5, False)],
    "guests": [(7, [GUEST])],
    # key, e-mail, text messages, the moment that the source gave, the moment of the answer
    "consents": [(JANE, False, None, _day(2), THEN)],
    "watermark": [(_day(3), _day(5))],
}


def _tables(path: Path) -> Tables:
    """Read all that a ledger's file holds, in plain values and in the order of values."""
    with closing(duckdb.connect(path, read_only=True, config={"threads": 1})) as database:
        names = [name for (name,) in database.execute("SHOW TABLES").fetchall()]
        found = {
            name: database.sql(f"SELECT * FROM {name} ORDER BY ALL").to_arrow_table().to_pylist()
            for name in names
        }
    for run in found["runs"]:
        run["summary"] = json.loads(run["summary"])
    for preexisting in found["guests"]:
        preexisting["keys"] = sorted(preexisting["keys"])
    return {name: [tuple(row.values()) for row in rows] for name, rows in found.items()}


class Clock(datetime):
    """The moment of what is written."""

    moment = NOW

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(cls.moment.timestamp(), tz)


@dataclass(frozen=True)
class Row:
    """A row of a plan, or one that was mapped."""

    key: str
    fingerprint: int = 31
    version: datetime = NEWER
    payload: str | None = "new payload"
    list: str | None = None
    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None
    row: int | None = 9
    sync_date: date = LATER
    action: str = "create"
    lists: tuple[int, ...] | None = ()
    why: str | None = None
    email_consent: bool | None = None
    sms_consent: bool | None = None
    consent_at: datetime | None = None


def _plan(*rows: Row) -> pa.Table:
    """Make rows as a plan has them, and as they are settled."""
    columns: dict[str, pa.DataType] = {
        "key": pa.string(),
        "fingerprint": pa.uint64(),
        "version": pa.timestamp("us", tz="UTC"),
        "payload": pa.string(),
        "list": pa.string(),
        "email_blacklisted": pa.bool_(),
        "sms_blacklisted": pa.bool_(),
        "row": pa.int64(),
        "sync_date": pa.date32(),
        "action": pa.string(),
        "lists": pa.list_(pa.int64()),
        "why": pa.string(),
        "email_consent": pa.bool_(),
        "sms_consent": pa.bool_(),
        "consent_at": pa.timestamp("us", tz="UTC"),
    }
    plain = ("action", "lists", "why")
    return pa.table(
        {
            name if name in plain else f"_{name}": pa.array(
                [getattr(row, name) for row in rows], kind
            )
            for name, kind in columns.items()
        }
    )


_MAPPED = ["_row", "_key", "_version", "_payload", "_fingerprint"]
_BESIDE = ["_list", "_email_blacklisted", "_sms_blacklisted"]


def _bare(row: Row) -> pa.Table:
    """Give a row of an audience that has neither lists by column nor flags."""
    return _plan(row).select(["_key", "_fingerprint", "_version"])


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the file of `BEFORE`, by the verbs themselves."""
    path = tmp_path_factory.mktemp("before") / "vips.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_module, "datetime", Clock)
        patch.setattr(Clock, "moment", THEN)
        ledger = Ledger(path)
        ledger.snapshot_members(7, [GUEST])
        jane = Row(JANE, 11, _day(3), "jane 1", "gold", row=0, sync_date=DATE, lists=(7,))
        said_no = replace(jane, email_consent=False, consent_at=_day(2))
        left = Row(LEFT, 12, _day(3), "left 1", row=1, sync_date=DATE, lists=(7,))
        sick = replace(
            jane, key=SICK, fingerprint=13, payload="sick 1", row=2, action="update", lists=(7, 8)
        )
        ledger.confirm(_plan(said_no, left, sick), "first", new=True)
        gone = replace(left, payload=None, row=None, action="remove", lists=())
        ledger.confirm(_plan(gone), "first")
        bad = Row(BAD, 21, _day(4), "bad 1", "gold", True, row=3, sync_date=DATE, why="no")
        held = Row(
            HELD, 22, _day(4), "held 1", None, None, False, row=4, sync_date=DATE, why="lost"
        )
        again = Row(SICK, 23, _day(4), "sick 2", row=5, sync_date=DATE, action="update", why="no")
        ledger.fail(_plan(bad, again), "first")
        ledger.fail(_plan(held), "first", held=True)
        ledger.record_campaign("Welcome", 5, sent=False)
        ledger.finish(_summary("stopped", outcome="vendor_outage"), last_sync=None, newest=None)
        ledger.finish(_summary("first", extracted=5), last_sync=_day(3), newest=_day(5))
    return path


@pytest.fixture
def file(before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the file, and a later moment."""
    monkeypatch.setattr(ledger_module, "datetime", Clock)
    return Path(shutil.copy(before, tmp_path / "vips.duckdb"))


def _mapped(file: Path, *rows: Row, beside: bool = False) -> Path:
    """Write mapped rows, `beside` them their lists and flags."""
    path = file.with_name("mapped.parquet")
    numbered = [replace(row, row=number) for number, row in enumerate(rows)]
    pq.write_table(_plan(*numbered).select([*_MAPPED, *(_BESIDE if beside else ())]), path)
    return path


def _rejected(file: Path, *keys: str) -> Path:
    path = file.with_name("rejected.parquet")
    pq.write_table(pa.table({"key": pa.array(keys, pa.string())}), path)
    return path


def _wanted(file: Path, mapped: Path, *rejected: str, **more: Any) -> Wanted:
    told = {"mode": "upsert", "cursor": False, "window_end": _day(9), "sync_date": LATER}
    return Wanted(mapped=mapped, rejected=_rejected(file, *rejected), **told | more)


def _without(table: str, *keys: object) -> list[tuple[Any, ...]]:
    return [row for row in BEFORE[table] if row[0] not in keys]


def _changed(table: str, key: str, column: int, value: object) -> list[tuple[Any, ...]]:
    """Give what a table held, with another value in one place."""
    return [
        (*row[:column], value, *row[column + 1 :]) if row[0] == key else row
        for row in BEFORE[table]
    ]


def test_the_state_before_every_case(before: Path) -> None:
    """The verbs that made it left exactly that in every table."""
    assert BEFORE == _tables(before)


def _refused(key: str, *beside: object, held: bool, why: str) -> tuple[Any, ...]:
    """Give a row of `failed` as a case's run leaves it, with its list and its flags."""
    return (key, 31, NEWER, "new payload", *beside, 9, LATER, held, why, "run", NOW)


# Of `rows`, the row of a NEW one, and of JANE as she is in the next run.
_NEW = (NEW, 31, NEWER, True, None, [], 9, LATER, "create", "run", NOW)
_AGAIN = (JANE, 31, NEWER, True, "silver", [8], 9, LATER, "update", "run", NOW)
_JANE = Row(JANE, list="silver", action="update", lists=(8,))
_OFF = Row(JANE, 11, NEWER, "cleared", row=None, action="remove")
_RUN = ("run", NOW, _summary("run", extracted=1).as_json())

Verb = Callable[[Ledger, Path], object]
# The verb on the ledger of a file; what it gives; and the tables that change.
WRITES: dict[str, tuple[Verb, object, Tables]] = {
    "confirm a new row": (
        lambda ledger, _: ledger.confirm(_plan(Row(NEW)), "run"),
        None,
        {
            "rows": [*_without("rows", SICK), _NEW, *_without("rows", JANE, LEFT)],
            "payloads": sorted([*BEFORE["payloads"], (NEW, "new payload", NOW)]),
        },
    ),
    "confirm rows that are all new": (
        lambda ledger, _: ledger.confirm(_plan(Row(NEW)), "run", new=True),
        None,
        {
            "rows": [*_without("rows", SICK), _NEW, *_without("rows", JANE, LEFT)],
            "payloads": sorted([*BEFORE["payloads"], (NEW, "new payload", NOW)]),
        },
    ),
    "confirm a known row": (
        lambda ledger, _: ledger.confirm(_plan(_JANE), "run"),
        None,
        {
            "rows": [_AGAIN, *_without("rows", JANE)],
            "payloads": sorted([*BEFORE["payloads"], (JANE, "new payload", NOW)]),
        },
    ),
    "confirm a new row that says yes to text messages": (
        lambda ledger, _: ledger.confirm(_plan(Row(NEW, sms_consent=True)), "run"),
        None,
        {
            "rows": [*_without("rows", SICK), _NEW, *_without("rows", JANE, LEFT)],
            "payloads": sorted([*BEFORE["payloads"], (NEW, "new payload", NOW)]),
            "consents": [*BEFORE["consents"], (NEW, None, True, None, NOW)],
        },
    ),
    "confirm a known row that says yes": (
        lambda ledger, _: ledger.confirm(
            _plan(replace(_JANE, email_consent=True, consent_at=_day(6))), "run"
        ),
        None,
        {
            "rows": [_AGAIN, *_without("rows", JANE)],
            "payloads": sorted([*BEFORE["payloads"], (JANE, "new payload", NOW)]),
            "consents": [(JANE, True, None, _day(6), NOW)],
        },
    ),
    "confirm a known row that says yes to another channel": (
        lambda ledger, _: ledger.confirm(_plan(replace(_JANE, sms_consent=True)), "run"),
        None,
        {
            "rows": [_AGAIN, *_without("rows", JANE)],
            "payloads": sorted([*BEFORE["payloads"], (JANE, "new payload", NOW)]),
            "consents": [(JANE, False, True, _day(2), NOW)],
        },
    ),
    "confirm a row that had left": (
        lambda ledger, _: ledger.confirm(_plan(Row(LEFT, lists=(7,))), "run"),
        None,
        {
            "rows": [
                *_without("rows", LEFT, SICK),
                (LEFT, 31, NEWER, True, None, [7], 9, LATER, "create", "run", NOW),
                *_without("rows", JANE, LEFT),
            ],
            "payloads": sorted([*BEFORE["payloads"], (LEFT, "new payload", NOW)]),
        },
    ),
    "confirm that a row has left": (
        lambda ledger, _: ledger.confirm(_plan(_OFF), "run"),
        None,
        {
            "rows": [
                (JANE, 11, NEWER, False, None, [], None, LATER, "remove", "run", NOW),
                *_without("rows", JANE),
            ]
        },
    ),
    "confirm a retry of a row that failed": (
        lambda ledger, _: ledger.confirm(_plan(Row(BAD, 21, _day(4), action="retry")), "run"),
        None,
        {
            "rows": [
                (BAD, 21, _day(4), True, None, [], 9, LATER, "retry", "run", NOW),
                *BEFORE["rows"],
            ],
            "payloads": [(BAD, "new payload", NOW), *BEFORE["payloads"]],
            "failed": _without("failed", BAD),
        },
    ),
    "confirm a row that failed, as new": (
        lambda ledger, _: ledger.confirm(_plan(Row(BAD)), "run", new=True),
        None,
        {
            "rows": [
                (BAD, 31, NEWER, True, None, [], 9, LATER, "create", "run", NOW),
                *BEFORE["rows"],
            ],
            "payloads": [(BAD, "new payload", NOW), *BEFORE["payloads"]],
            "failed": _without("failed", BAD),
        },
    ),
    "confirm a row that was held": (
        lambda ledger, _: ledger.confirm(_plan(Row(HELD)), "run"),
        None,
        {
            "rows": [
                (HELD, 31, NEWER, True, None, [], 9, LATER, "create", "run", NOW),
                *BEFORE["rows"],
            ],
            "payloads": [(HELD, "new payload", NOW), *BEFORE["payloads"]],
            "failed": _without("failed", HELD),
        },
    ),
    "confirm a row with neither payload nor list nor date": (
        lambda ledger, _: ledger.confirm(_bare(Row(NEW)), "run"),
        None,
        {
            "rows": [
                *_without("rows", SICK),
                (NEW, 31, NEWER, True, None, None, None, None, "create", "run", NOW),
                *_without("rows", JANE, LEFT),
            ]
        },
    ),
    "fail a new row": (
        lambda ledger, _: ledger.fail(
            _plan(Row(NEW, list="gold", email_blacklisted=True, sms_blacklisted=False, why="bad")),
            "run",
        ),
        None,
        {
            "failed": sorted(
                [
                    *BEFORE["failed"],
                    _refused(NEW, "gold", True, False, held=False, why="bad"),
                ]
            )
        },
    ),
    "fail a known row": (
        lambda ledger, _: ledger.fail(_plan(replace(_JANE, why="bad")), "run"),
        None,
        {
            "failed": [
                *_without("failed", SICK),
                _refused(JANE, "silver", None, None, held=False, why="bad"),
                *_without("failed", BAD, HELD),
            ]
        },
    ),
    "fail a row again, for another reason": (
        lambda ledger, _: ledger.fail(_plan(Row(BAD, why="bad")), "run"),
        None,
        {
            "failed": [
                _refused(BAD, None, None, None, held=False, why="bad"),
                *_without("failed", BAD),
            ]
        },
    ),
    "fail a row that may have arrived": (
        lambda ledger, _: ledger.fail(_plan(Row(BAD, why="lost")), "run", held=True),
        None,
        {
            "failed": [
                _refused(BAD, None, None, None, held=True, why="lost"),
                *_without("failed", BAD),
            ]
        },
    ),
    "fail to let a row go": (
        lambda ledger, _: ledger.fail(_plan(replace(_OFF, why="bad")), "run"),
        None,
        {},
    ),
    "fail to let a row go that had failed": (
        lambda ledger, _: ledger.fail(_plan(replace(_OFF, key=SICK, why="bad")), "run"),
        None,
        {"failed": _without("failed", SICK)},
    ),
    "doubt a known row": (
        lambda ledger, _: ledger.mark_unknown(_plan(_JANE), "run", mirror=False),
        None,
        {"rows": _changed("rows", JANE, 1, 0)},
    ),
    "doubt a known row of a mirror": (
        lambda ledger, _: ledger.mark_unknown(_plan(_JANE), "run", mirror=True),
        None,
        {"rows": _changed("rows", JANE, 1, 0)},
    ),
    "doubt a new row": (
        lambda ledger, _: ledger.mark_unknown(_plan(Row(NEW)), "run", mirror=False),
        None,
        {},
    ),
    "doubt a new row of a mirror": (
        lambda ledger, _: ledger.mark_unknown(_plan(Row(NEW, lists=(7,))), "run", mirror=True),
        None,
        {
            "rows": [
                *_without("rows", SICK),
                (NEW, 0, NEWER, True, None, [7], 9, LATER, "create", "run", NOW),
                *_without("rows", JANE, LEFT),
            ]
        },
    ),
    "doubt a row that failed, of a mirror": (
        lambda ledger, _: ledger.mark_unknown(_plan(Row(BAD)), "run", mirror=True),
        None,
        {
            "rows": [
                (BAD, 0, NEWER, True, None, [], 9, LATER, "create", "run", NOW),
                *BEFORE["rows"],
            ]
        },
    ),
    "doubt that a row has left": (
        lambda ledger, _: ledger.mark_unknown(_plan(_OFF), "run", mirror=True),
        None,
        {"rows": _changed("rows", JANE, 1, 0)},
    ),
    "doubt that a row has left that is not known": (
        lambda ledger, _: ledger.mark_unknown(_plan(replace(_OFF, key=NEW)), "run", mirror=True),
        None,
        {},
    ),
    "advance a row that says the same": (
        lambda ledger, file: ledger.advance(_mapped(file, Row(JANE, 11), Row(NEW))),
        None,
        {"rows": _changed("rows", JANE, 2, NEWER)},
    ),
    "advance a row that had left and says the same": (
        lambda ledger, file: ledger.advance(_mapped(file, Row(LEFT, 12))),
        None,
        {"rows": _changed("rows", LEFT, 2, NEWER)},
    ),
    "advance a row that says something else": (
        lambda ledger, file: ledger.advance(_mapped(file, Row(JANE, 12))),
        None,
        {},
    ),
    "advance a row that is older": (
        lambda ledger, file: ledger.advance(_mapped(file, Row(JANE, 11, _day(2)))),
        None,
        {},
    ),
    "release a held row": (
        lambda ledger, _: ledger.release([HELD, NEW]),
        1,
        {"failed": _changed("failed", HELD, 9, False)},
    ),
    "release rows that are not held": (
        lambda ledger, _: ledger.release([BAD, JANE, NEW]),
        0,
        {},
    ),
    "let go what is in the source": (
        lambda ledger, file: ledger.forget_failures(_mapped(file, Row(BAD), Row(SICK))),
        None,
        {},
    ),
    "let go what is not in the source": (
        lambda ledger, file: ledger.forget_failures(_mapped(file, Row(JANE), Row(SICK))),
        None,
        {"failed": _without("failed", BAD)},
    ),
    "let go of an empty source": (
        lambda ledger, file: ledger.forget_failures(_mapped(file)),
        None,
        {"failed": _without("failed", BAD, SICK)},
    ),
    "meet a list": (
        lambda ledger, _: ledger.snapshot_members(8, [GUEST, JANE, LEFT, BAD, GUEST]),
        None,
        {"guests": [(7, [GUEST]), (8, [BAD, GUEST])]},
    ),
    "meet an empty list": (
        lambda ledger, _: ledger.snapshot_members(8, []),
        None,
        {"guests": [(7, [GUEST]), (8, [])]},
    ),
    "made another campaign": (
        lambda ledger, _: ledger.record_campaign("Sale", 6, sent=True),
        None,
        {"campaigns": [("Sale", 6, True), ("Welcome", 5, False)]},
    ),
    "made a campaign that was sent": (
        lambda ledger, _: ledger.record_campaign("Welcome", 5, sent=True),
        None,
        {"campaigns": [("Welcome", 5, True)]},
    ),
    "finish a run that came further": (
        lambda ledger, _: ledger.finish(
            _summary("run", extracted=1), last_sync=_day(7), newest=_day(8)
        ),
        None,
        {
            "runs": [BEFORE["runs"][0], _RUN, BEFORE["runs"][1]],
            "watermark": [(_day(7), _day(8))],
        },
    ),
    "finish a run of an earlier date": (
        lambda ledger, _: ledger.finish(
            _summary("run", extracted=1), last_sync=_day(1), newest=_day(2)
        ),
        None,
        {"runs": [BEFORE["runs"][0], _RUN, BEFORE["runs"][1]]},
    ),
    "finish a run that did not come to its end": (
        lambda ledger, _: ledger.finish(_summary("run", extracted=1), last_sync=None, newest=None),
        None,
        {"runs": [BEFORE["runs"][0], _RUN, BEFORE["runs"][1]]},
    ),
}


@pytest.mark.parametrize(("verb", "given", "changed"), WRITES.values(), ids=WRITES)
def test_s02_a_verb_writes_what_it_says_and_nothing_else(
    file: Path, verb: Verb, given: object, changed: Tables
) -> None:
    """After the verb every table holds what the case says, or what it held before."""
    assert given == verb(Ledger(file), file)
    assert BEFORE | changed == _tables(file)


READS: dict[str, tuple[Verb, object]] = {
    "unknown": (
        lambda ledger, file: ledger.unknown(
            _mapped(file, Row(NEW), Row(JANE), Row(LEFT), Row(BAD))
        ).to_pylist(),
        [BAD, NEW],
    ),
    "history of a row that is there": (
        lambda ledger, _: ledger.history(SICK),
        Known(
            key=SICK,
            present=True,
            version=_day(3),
            lists=(7, 8),
            payload="sick 1",
            payload_before=None,
            source_row=2,
            sync_date=DATE,
            action="update",
            run_id="first",
            confirmed_at=THEN,
        ),
    ),
    "history of a row that has left": (
        lambda ledger, _: ledger.history(LEFT),
        Known(
            key=LEFT,
            present=False,
            version=_day(3),
            lists=(),
            payload="left 1",
            payload_before=None,
            source_row=None,
            sync_date=DATE,
            action="remove",
            run_id="first",
            confirmed_at=THEN,
        ),
    ),
    "history of a row that was only refused": (lambda ledger, _: ledger.history(BAD), None),
    "failed": (
        lambda ledger, _: [tuple(row.values()) for row in ledger.failed().to_pylist()],
        [
            (BAD, "no", False, DATE, "first"),
            (HELD, "lost", True, DATE, "first"),
            (SICK, "no", False, DATE, "first"),
        ],
    ),
    "knows a list": (lambda ledger, _: [ledger.has_snapshot(n) for n in (7, 8)], [True, False]),
    "campaign": (
        lambda ledger, _: [ledger.campaign(name) for name in ("Welcome", "Sale")],
        [CampaignRecord(5, sent=False), None],
    ),
    "last sync": (lambda ledger, _: ledger.last_sync(), _day(3)),
    "present": (lambda ledger, _: ledger.present(), 2),
    "no news": (lambda ledger, file: ledger.is_news(_mapped(file, Row(JANE, 11))), False),
    "news of a known row": (
        lambda ledger, file: ledger.is_news(_mapped(file, Row(JANE, 12))),
        True,
    ),
    "news of an unknown row": (
        lambda ledger, file: ledger.is_news(_mapped(file, Row(JANE, 11), Row(NEW, 11))),
        True,
    ),
    "no news of nobody": (lambda ledger, file: ledger.is_news(_mapped(file)), False),
    "lists of a run": (
        lambda ledger, _: [ledger.lists_of(run) for run in ("first", "stopped")],
        [[("gold", 7, 2), ("gold", 8, 1)], []],
    ),
    "run of": (lambda ledger, _: ledger.run_of("first"), _summary("first", extracted=5)),
    "runs": (
        lambda ledger, _: sorted(
            (moment, run.run_id, run.outcome) for moment, run in ledger.runs()
        ),
        [(THEN, "first", "done"), (THEN, "stopped", "vendor_outage")],
    ),
    "the latest run": (lambda ledger, _: len(ledger.runs(1)), 1),
    "confirmed by a run, but not whom it let go": (
        lambda ledger, _: [ledger.confirmed_by(run) for run in ("first", "stopped", "run")],
        [2, 0, 0],
    ),
}


@pytest.mark.parametrize(("verb", "expected"), READS.values(), ids=READS)
def test_a_verb_that_reads_writes_nothing(file: Path, verb: Verb, expected: object) -> None:
    """It says what the ledger knows, and every table holds what it held before."""
    assert expected == verb(Ledger(file), file)
    assert BEFORE == _tables(file)


def test_runs_are_told_the_latest_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one id was run again: its last word counts."""
    ledger = Ledger(file)
    for minute, run in enumerate(("second", "first", "third"), 1):
        monkeypatch.setattr(Clock, "moment", NOW + timedelta(minutes=minute))
        ledger.finish(_summary(run, extracted=minute), last_sync=None, newest=None)
    told = [(run.run_id, run.extracted) for _, run in ledger.runs(3)]
    assert [("third", 3), ("first", 2), ("second", 1)] == told
    assert 2 == ledger.run_of("first").extracted


def test_s01_rows_that_an_attempt_wrote_before_it_stopped_are_not_the_last_ones(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that was tried again under its id only the last attempt's rows count."""
    ledger = Ledger(file)
    ledger.confirm(_plan(Row(NEW)), "run")
    monkeypatch.setattr(Clock, "moment", NOW + timedelta(minutes=1))
    ledger.finish(_summary("run", outcome="vendor_outage"), last_sync=None, newest=None)
    monkeypatch.setattr(Clock, "moment", NOW + timedelta(minutes=2))
    ledger.confirm(_plan(_JANE), "run")
    ledger.finish(_summary("run"), last_sync=None, newest=None)
    assert 1 == ledger.confirmed_by("run")


def test_payloads_before_the_last_two_go_when_there_are_many(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each row those stay that a rollback needs; a few more than that are left alone."""
    ledger = Ledger(file)
    kept: list[int] = []
    for number in range(2, 12):
        monkeypatch.setattr(Clock, "moment", NOW + timedelta(minutes=number))
        ledger.confirm(_plan(Row(JANE, number, payload=f"jane {number}")), "run")
        ledger.finish(_summary("run"), last_sync=None, newest=None)
        kept.append(len(_tables(file)["payloads"]))
    assert [4, 5, 6, 7, 8, 9, 10, 11, 12, 4] == kept
    assert ["jane 10", "jane 11"] == [row[1] for row in _tables(file)["payloads"][:2]]


@dataclass(frozen=True)
class Case:
    """A diff: what was mapped, how it is judged, the counts, and the plan's rows by key.

    Of a row of the plan are told: action, reason, category, the lists that it leaves and keeps.
    """

    mapped: tuple[Row, ...]
    counts: Planned
    plan: dict[str, tuple[Any, ...]]
    wanted: dict[str, Any]
    others: dict[str, list[str]]


def _diff(
    *mapped: Row,
    counts: Planned,
    plan: dict[str, tuple[Any, ...]] | None = None,
    others: dict[str, list[str]] | None = None,
    **wanted: Any,
) -> Case:
    return Case(mapped, counts, plan or {}, wanted, others or {})


def _withheld(key: str, why: str, fingerprint: int | None = None) -> pa.Table:
    return pa.table([[key], pa.array([fingerprint], pa.uint64()), [why]], schema=WITHHELD)


_SAME = Row(JANE, 11)
_RETRY = {"retry": 2}
_BACK = {
    BAD: ("retry", "failed before", "blocklist", [], []),
    SICK: ("retry", "failed before", "plain", [], []),
}
_CREATED = ("create", "new", "plain", [], None)
_UPDATED = ("update", "changed", "plain", [], [7])
DIFFS: dict[str, Case] = {
    "upsert: what is new, changed, the same and older": _diff(
        Row(NEW),
        Row(JANE, list="gold"),
        Row(SICK, 13),
        beside=True,
        counts=Planned(create=1, update=1, unchanged=1, retry=1),
        plan={NEW: _CREATED, JANE: _UPDATED, BAD: _BACK[BAD]},
    ),
    "upsert: an older row that says something else": _diff(
        Row(JANE, 31, _day(2)),
        counts=Planned(stale=1, **_RETRY),
        plan=_BACK,
        others={"stale": [JANE]},
    ),
    "upsert: as old as the latest run, without a cursor": _diff(
        Row(JANE, 31, _day(4)),
        counts=Planned(stale=1, **_RETRY),
        plan=_BACK,
        others={"stale": [JANE]},
    ),
    "upsert: as old as the latest run, with a cursor": _diff(
        Row(JANE, 31, _day(4), list="gold"),
        beside=True,
        cursor=True,
        counts=Planned(update=1, **_RETRY),
        plan={JANE: _UPDATED} | _BACK,
    ),
    "upsert: a row that had left comes back": _diff(
        Row(LEFT, 12),
        counts=Planned(create=1, **_RETRY),
        plan={LEFT: ("create", "came back", "plain", [], [])} | _BACK,
    ),
    "upsert: a row comes back in an older extract": _diff(
        Row(LEFT, 12),
        window_end=_day(4),
        counts=Planned(stale=1, **_RETRY),
        plan=_BACK,
        others={"stale": [LEFT]},
    ),
    "upsert: nobody leaves": _diff(counts=Planned(**_RETRY), plan=_BACK, allow_empty=True),
    "upsert: failed rows of the extract are not retries": _diff(
        Row(BAD),
        Row(SICK, 13),
        counts=Planned(create=1, unchanged=1),
        plan={BAD: _CREATED},
    ),
    "upsert: a failed row that is rejected now": _diff(
        rejected=[" SICK@example.com"],
        counts=Planned(retry=1),
        plan={BAD: _BACK[BAD]},
    ),
    "upsert: a failed row that is withheld": _diff(
        withheld=_withheld(BAD, "pending"),
        counts=Planned(retry=1),
        plan={SICK: _BACK[SICK]},
    ),
    "upsert: failed rows that left the whole source": _diff(
        _SAME, whole=True, counts=Planned(unchanged=1)
    ),
    "upsert: a held row waits": _diff(
        Row(HELD),
        counts=Planned(held=1, **_RETRY),
        plan=_BACK,
        others={"held": [HELD]},
    ),
    "upsert: a row in flight waits": _diff(
        Row(NEW),
        withheld=_withheld(NEW, "pending"),
        counts=Planned(pending=1, **_RETRY),
        plan=_BACK,
        others={"pending": [NEW]},
    ),
    "upsert: a row that was given up as it is": _diff(
        Row(NEW),
        withheld=_withheld(NEW, "discarded", 31),
        counts=Planned(discarded=1, **_RETRY),
        plan=_BACK,
        others={"discarded": [NEW]},
    ),
    "upsert: a row that was given up as it was": _diff(
        Row(NEW),
        withheld=_withheld(NEW, "discarded", 30),
        counts=Planned(create=1, **_RETRY),
        plan={NEW: _CREATED} | _BACK,
    ),
    "upsert: another list": _diff(
        Row(JANE, list="silver"),
        beside=True,
        counts=Planned(update=1, **_RETRY),
        plan={JANE: ("update", "another list", "move", [7], [])} | _BACK,
    ),
    "upsert: the same list": _diff(
        Row(JANE, list="gold"),
        beside=True,
        counts=Planned(update=1, **_RETRY),
        plan={JANE: _UPDATED} | _BACK,
    ),
    "upsert: flags": _diff(
        Row(NEW, email_blacklisted=True),
        Row(JANE, email_blacklisted=False),
        Row(SICK, sms_blacklisted=True),
        beside=True,
        counts=Planned(create=1, update=2, retry=1),
        plan={
            NEW: ("create", "new", "blocklist", [], None),
            # Without its list: it leaves the one that it was on.
            JANE: ("update", "another list", "flags", [7], []),
            SICK: ("update", "another list", "blocklist_sms", [7, 8], []),
            BAD: _BACK[BAD],
        },
    ),
    "insert": _diff(
        Row(NEW),
        Row(HELD),
        Row(JANE),
        Row(LEFT),
        Row(GUEST),
        mode="insert",
        existing=[GUEST],
        counts=Planned(create=1, skipped_by_mode=3, held=1, **_RETRY),
        plan={NEW: _CREATED} | _BACK,
        others={"held": [HELD], "skipped_by_mode": [GUEST, JANE, LEFT]},
    ),
    "update": _diff(
        Row(NEW),
        Row(JANE, list="gold"),
        Row(GUEST),
        beside=True,
        mode="update",
        existing=[GUEST],
        counts=Planned(update=2, skipped_by_mode=1, **_RETRY),
        plan={JANE: _UPDATED, GUEST: ("update", "not ours yet", "plain", [], None)} | _BACK,
        others={"skipped_by_mode": [NEW]},
    ),
    "append": _diff(
        Row(NEW),
        Row(JANE),
        mode="append",
        counts=Planned(create=1, unchanged=1, **_RETRY),
        plan={NEW: _CREATED} | _BACK,
    ),
    "mirror: who is gone leaves": _diff(
        _SAME,
        mode="mirror",
        whole=True,
        counts=Planned(unchanged=1, remove=1),
        plan={SICK: ("remove", "left the source", "leave", [7, 8], [])},
    ),
    "mirror: who is rejected stays": _diff(
        _SAME,
        rejected=["SICK@example.com "],
        mode="mirror",
        whole=True,
        counts=Planned(unchanged=1),
    ),
    "mirror: who is in flight stays": _diff(
        _SAME,
        withheld=_withheld(SICK, "pending"),
        mode="mirror",
        whole=True,
        counts=Planned(unchanged=1),
    ),
    "mirror: an extract that is older than the latest run lets nobody go": _diff(
        _SAME, mode="mirror", whole=True, window_end=_day(4), counts=Planned(unchanged=1)
    ),
    "mirror: an empty extract lets nobody go": _diff(mode="mirror", whole=True, counts=Planned()),
    "mirror: an empty extract that is allowed": _diff(
        mode="mirror",
        whole=True,
        allow_empty=True,
        counts=Planned(remove=2),
        plan={
            JANE: ("remove", "left the source", "leave", [7], []),
            SICK: ("remove", "left the source", "leave", [7, 8], []),
        },
    ),
}


@pytest.mark.parametrize("case", DIFFS.values(), ids=DIFFS)
def test_a_diff_plans_and_writes_nothing(file: Path, case: Case) -> None:
    """It counts every row once, plans those that are sent, and changes no table."""
    more = dict(case.wanted)
    mapped = _mapped(file, *case.mapped, beside=more.pop("beside", False))
    rejected = more.pop("rejected", ())
    if "existing" in more:
        more["existing"] = pa.array(more["existing"], pa.string())
    wanted = _wanted(file, mapped, *rejected, **more)
    plan = file.with_name("plan.arrow")
    counts, others = compare(Ledger(file), wanted, plan)
    assert (case.counts, case.others) == (counts, others)
    told = ("action", "reason", "category", "leaves", "lists")
    planned = [
        row
        for batch in (rows_of(plan, 0, counts.writes) if counts.writes else ())
        for row in batch.to_pylist()
    ]
    assert case.plan == {row["_key"]: tuple(row[name] for name in told) for row in planned}
    assert BEFORE == _tables(file)


def test_s15_rows_of_one_list_stand_together_in_a_plan(file: Path) -> None:
    """They travel together: in the order of ways, then of lists, then of keys."""
    rows = [
        Row("a@example.com", list="silver"),
        Row("b@example.com", list="gold"),
        Row("c@example.com"),
        Row("d@example.com", list="gold"),
        Row("e@example.com", list="gold", sms_blacklisted=True),
        Row("f@example.com", list="gold", email_blacklisted=True),
    ]
    mapped = _mapped(file, *rows, beside=True)
    plan = file.with_name("plan.arrow")
    counts, _ = compare(Ledger(file), _wanted(file, mapped, whole=True), plan)
    told = [
        (row["category"], row["_list"], row["_key"][0])
        for batch in rows_of(plan, 0, counts.writes)
        for row in batch.to_pylist()
    ]
    assert [
        ("blocklist", "gold", "f"),
        ("blocklist_sms", "gold", "e"),
        ("plain", "gold", "b"),
        ("plain", "gold", "d"),
        ("plain", "silver", "a"),
        ("plain", None, "c"),
    ] == told


def test_s04_a_refused_row_is_not_tried_over_newer_values(file: Path) -> None:
    """What Brevo has accepted since is newer; the refused values are as good as gone."""
    ledger = Ledger(file)
    ledger.fail(_plan(Row(JANE, version=_day(2), why="no")), "run")
    plan = file.with_name("plan.arrow")
    counts, _ = compare(ledger, _wanted(file, _mapped(file, Row(NEW))), plan)
    assert Planned(create=1, retry=2) == counts
    ledger.fail(_plan(Row(JANE, version=_day(3), why="no")), "run")
    counts, _ = compare(ledger, _wanted(file, _mapped(file, Row(NEW))), plan)
    assert Planned(create=1, retry=3) == counts


@pytest.mark.parametrize(
    ("key", "leaving", "expected"),
    [
        ("email", None, None),
        ("email", '{"A":""}', f'{{"email":"{SICK}","attributes":{{"A":""}}}}'),
        ("ext_id", '{"A":""}', f'{{"ext_id":"{SICK}","attributes":{{"A":""}}}}'),
        ("sms", '{"A":""}', f'{{"attributes":{{"A":"","SMS":"{SICK}"}}}}'),
    ],
)
def test_who_leaves_carries_what_on_leave_wants(
    file: Path, key: Any, leaving: str | None, expected: str | None
) -> None:
    """The payload names the contact by its key, and has the attributes that are cleared."""
    wanted = _wanted(
        file, _mapped(file, _SAME), mode="mirror", whole=True, key=key, leaving=leaving
    )
    plan = file.with_name("plan.arrow")
    compare(Ledger(file), wanted, plan)
    [row] = next(iter(rows_of(plan, 0, 1))).to_pylist()
    told = ("_payload", "_version", "_fingerprint", "_list", "_row", "_sync_date")
    assert (expected, _day(9), 13, None, None, LATER) == tuple(row[name] for name in told)


def test_s06_a_retry_is_sent_as_it_was_sent_before(file: Path) -> None:
    """A row that the extract lacks has the values, the list and the flags that were refused."""
    plan = file.with_name("plan.arrow")
    compare(Ledger(file), _wanted(file, _mapped(file, _SAME)), plan)
    [bad, _] = next(iter(rows_of(plan, 0, 2))).to_pylist()
    told = {name: value for name, value in bad.items() if name.startswith("_")}
    assert told == {
        "_key": BAD,
        "_payload": "bad 1",
        "_version": _day(4),
        "_fingerprint": 21,
        "_list": "gold",
        "_email_blacklisted": True,
        "_sms_blacklisted": None,
        "_row": 3,
        "_sync_date": DATE,
    }


def test_s08_a_guest_of_a_list_does_not_leave_it(file: Path) -> None:
    """Who was on a list before the audience stays on it when the source lets it go."""
    ledger = Ledger(file)
    ledger.confirm(_plan(Row(GUEST, 41, lists=(7, 8))), "run")
    plan = file.with_name("plan.arrow")
    mapped = _mapped(file, _SAME, Row(SICK, 13))
    compare(ledger, _wanted(file, mapped, mode="mirror", whole=True), plan)
    [row] = next(iter(rows_of(plan, 0, 1))).to_pylist()
    assert (GUEST, [8]) == (row["_key"], row["leaves"])
