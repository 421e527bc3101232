"""Mapping from a warehouse's real columns: local Snowflake, extract, mapped file."""

import json
from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_sf_pipeline.engine.mapped_files import Mapped
from tajo_sf_pipeline.engine.preview import first_rows, same_contacts
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline_tests.conftest import SHOP_DAY
from tajo_sf_pipeline_tests.workspaces import Workspace

TODAY = date(2026, 3, 1)


def _mapped(workspace: Workspace, name: str, day: date = TODAY) -> tuple[Mapped, pa.Table]:
    """Extract and map a date; send nothing."""
    audience = workspace.load(name)
    partition = SyncRun(workspace.settings(), audience, day, "incremental", "test")
    partition.extract()
    told = partition.map()
    return told, pq.read_table(partition.paths.mapped(day))


def _rejected(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    return pq.read_table(workspace.paths(name).rejected(TODAY)).to_pylist()


def test_a_variant_column_is_read_by_path(workspace: Workspace) -> None:
    """An OBJECT is mapped by dotted paths, an ARRAY as a multiple choice."""
    contact = {"email": "Jane@example.com", "home": {"city": "Łódź"}}
    rows = [(json.dumps(contact), json.dumps(["b", "a", "b"]))]
    table = workspace.table("people", "contact,tags", rows)
    query = f"SELECT PARSE_JSON(contact) AS contact, PARSE_JSON(tags) AS tags FROM {table}"
    mapping = {
        "contact.email": "email",
        "contact.home.city": "CITY",
        "tags": {"to": "TAGS", "type": "list"},
    }
    workspace.audience("people", query, mapping)
    _, made = _mapped(workspace, "people")
    assert [{"email": "jane@example.com", "attributes": {"CITY": "Łódź", "TAGS": ["b", "a"]}}] == [
        json.loads(payload) for payload in made["_payload"].to_pylist()
    ]


def test_two_rows_that_are_one_contact_are_shown_together(workspace: Workspace) -> None:
    """The newest row is kept; each other one is a reject that names it, by extract and row.

    Beside the reject people see both source rows.
    """
    rows = [("jane@example.com", "2026-01-01"), ("b@example.com", "2026-01-01")]
    rows += [(" JANE@example.com", "2026-01-03"), ("Jane@Example.com", "2026-01-02")]
    table = workspace.table("people", "email,day", rows)
    query = f"SELECT email, day::DATE AS day FROM {table} ORDER BY email = 'b@example.com', day"
    workspace.audience("people", query, {"email": "email"}, cursor="day")
    told, kept = _mapped(workspace, "people")
    extract = pq.read_table(workspace.paths("people").extract(TODAY))
    days = [str(day) for day in extract["DAY"].to_pylist()]
    winner = days.index("2026-01-03")
    assert (2, 2) == (told.rows, told.rejected)
    assert winner in kept["_row"].to_pylist()
    assert {("unique", winner)} == {
        (r["rule"], r["kept_row"]) for r in _rejected(workspace, "people")
    }
    notes = json.loads(
        pq.read_metadata(workspace.paths("people").rejected(TODAY)).metadata[b"tajo"]
    )
    assert notes["query_id"]
    assert f"{TODAY}.parquet" == notes["extract"]
    partition = SyncRun(
        workspace.settings(), workspace.load("people"), TODAY, "incremental", "test"
    )
    pairs = list(same_contacts(partition, 5))
    assert [("2026-01-03", winner)] * 2 == [(str(kept["DAY"]), row) for *_, row, kept in pairs]
    assert {"2026-01-01", "2026-01-02"} == {str(source["DAY"]) for _, source, *_ in pairs}
    assert "jane@" not in str(pairs).lower()
    told = [reason for row in first_rows(partition, 5) for reason in row.reasons]
    assert [f"EMAIL: repeats the contact of another row; row {winner} is kept"] * 2 == told


def test_what_looks_wrong_and_what_is_lost_is_told(workspace: Workspace) -> None:
    """A misspelt domain is counted and sent; a column that arrives as less is named, once."""
    table = workspace.table("people", "email", [("a@gmial.com",), ("b@gmial.com",)])
    query = f"SELECT email, 1.5::NUMBER(38, 2) AS ltv FROM {table}"
    workspace.audience("people", query, {"email": "email", "ltv": "LTV"})
    told, rows = _mapped(workspace, "people")
    assert {"EMAIL: gmial.com looks like gmail.com": 2} == told.suspicions
    assert ("LTV to LTV: of up to 38 digits a number in Brevo keeps 15",) == told.losses
    assert {"a@gmial.com", "b@gmial.com"} == set(rows["_key"].to_pylist())


def test_the_shops_events(workspace: Workspace) -> None:
    """The audience that ships tells of each order completed and each cart left on a day."""
    workspace.write(snowflake={"sync": {"events": True}})
    told, rows = _mapped(workspace, "events", SHOP_DAY)
    events = [json.loads(payload) for payload in rows["_payload"].to_pylist()]
    names = Counter(event["event_name"] for event in events)
    assert {"order_completed", "cart_abandoned"} == set(names)
    assert {f"{SHOP_DAY}"} == {event["event_date"][:10] for event in events}
    assert all(event["identifiers"]["email_id"] for event in events)
    assert all(
        {"event_id", "total", "currency", "item_count"} <= event["event_properties"].keys()
        for event in events
    )
    assert len(events) == len(set(rows["_key"].to_pylist())) == told.rows


# As a person types them, and as Brevo has them then.
NASTY = {
    "O'Neil": "O'Neil",
    'say "hi" \\ bye': 'say "hi" \\ bye',
    "🌞 Łódź": "🌞 Łódź",
    "שלום \u202eabc": "שלום \u202eabc",
    "two\nlines; and,commas": "two\nlines; and,commas",
    "NULL": "NULL",
    "0": "0",
    "false": "false",
    "=1+1": "=1+1",
}


@pytest.mark.parametrize("copies", [1, 30], ids=["one by one", "by import"])
def test_nasty_values_arrive_as_they_are(workspace: Workspace, copies: int) -> None:
    """Whatever path the rows take: texts unharmed, zero and false as values, days as days."""
    values = list(NASTY) * copies
    rows = [(f"p{n}@example.com", value) for n, value in enumerate(values)]
    table = workspace.table("people", "email,name", rows)
    query = f"""
    SELECT email, name, 0::FLOAT AS zero, 1e308::FLOAT AS large, FALSE AS never,
        '9999-12-31'::DATE AS last_day, '2024-02-29'::DATE AS leap_day, '' AS nothing
    FROM {table}
    """
    kinds = {"NAME": "text", "ZERO": "float", "LARGE": "float", "NEVER": "boolean"}
    workspace.brevo.attributes(**kinds, LAST_DAY="date", LEAP_DAY="date", NOTHING="text")
    names = ("name", "zero", "large", "never", "last_day", "leap_day", "nothing")
    workspace.audience("people", query, {"email": "email"} | {n: n.upper() for n in names})
    [run] = workspace.bring()
    assert (len(rows), len(rows)) == (run["extracted"], run["confirmed"])
    arrived = {
        email: contact["attributes"] for email, contact in workspace.brevo.contacts().items()
    }
    same = {"ZERO": 0, "LARGE": 1e308, "NEVER": False}
    days = {"LAST_DAY": "9999-12-31", "LEAP_DAY": "2024-02-29"}
    assert {
        f"p{n}@example.com": {"NAME": NASTY[value], **same, **days}
        for n, value in enumerate(values)
    } == arrived
