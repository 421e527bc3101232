"""Mapping from a warehouse's real columns: local Snowflake, extract, mapped file."""

import json
from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_sf_pipeline.stages import Mapped, Partition
from tajo_sf_pipeline_tests.conftest import SHOP_DAY
from tajo_sf_pipeline_tests.rules.test_real_purchases import PURCHASES
from tajo_sf_pipeline_tests.workspaces import Workspace

TODAY = date(2026, 3, 1)


def _mapped(workspace: Workspace, name: str, day: date = TODAY) -> tuple[Mapped, pa.Table]:
    """Extract and map a date; send nothing."""
    audience = workspace.load(name)
    partition = Partition(workspace.settings(), audience, day, "incremental", "test")
    partition.extract()
    told = partition.map()
    return told, pq.read_table(partition.places.mapped(day))


def _rejected(workspace: Workspace, name: str) -> list[dict[str, Any]]:
    return pq.read_table(workspace.places(name).rejected(TODAY)).to_pylist()


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
    """The newest row is kept; each other one is a reject that names it, by extract and row."""
    rows = [("jane@example.com", "2026-01-01"), ("b@example.com", "2026-01-01")]
    rows += [(" JANE@example.com", "2026-01-03"), ("Jane@Example.com", "2026-01-02")]
    table = workspace.table("people", "email,day", rows)
    query = f"SELECT email, day::DATE AS day FROM {table} ORDER BY email = 'b@example.com', day"
    workspace.audience("people", query, {"email": "email"}, cursor="day")
    told, kept = _mapped(workspace, "people")
    extract = pq.read_table(workspace.places("people").extract(TODAY))
    days = [str(day) for day in extract["DAY"].to_pylist()]
    winner = days.index("2026-01-03")
    assert (2, 2) == (told.rows, told.rejected)
    assert winner in kept["_row"].to_pylist()
    assert {("unique", winner)} == {
        (r["rule"], r["kept_row"]) for r in _rejected(workspace, "people")
    }
    notes = json.loads(
        pq.read_metadata(workspace.places("people").rejected(TODAY)).metadata[b"tajo"]
    )
    assert notes["query_id"]
    assert f"{TODAY}.parquet" == notes["extract"]


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


@pytest.mark.skipif(not PURCHASES.exists(), reason=f"there are no real purchases: {PURCHASES}")
def test_s09_a_real_shop_with_phones_and_consent(workspace: Workspace) -> None:
    """23,544 customers: the phones that are ones are in E.164, and only a no becomes a flag."""
    table = f"{workspace.prefix}_orders".upper()
    workspace.tajo("sandbox", "load", table, str(PURCHASES), "--json")
    query = f"""
    SELECT
        CONCAT('c', customer_id, '@example.com') AS email,
        MAX(customer_id::NUMBER) AS customer,
        SUM(amount) AS amount,
        MAX(CASE
            WHEN MOD(customer_id::NUMBER, 100) = 0 THEN '12'
            ELSE CONCAT('06 ', LPAD(customer_id, 8, '0'))
        END) AS phone,
        MAX(CASE MOD(customer_id::NUMBER, 10) WHEN 0 THEN 'N' WHEN 1 THEN NULL ELSE 'yes' END)
            AS opt_in
    FROM {table}
    GROUP BY customer_id
    """
    mapping = {
        "email": "email",
        "customer": {"to": "CUSTOMER_ID", "type": "number"},
        "amount": {"to": "LTV_SCORE", "currency": "USD"},
        "phone": {"to": "sms", "region": "FR", "on_invalid": "null"},
        "opt_in": "consent.email",
    }
    workspace.audience("shop", query.replace("\n", " "), mapping)
    told, rows = _mapped(workspace, "shop")
    assert (23_544, 0) == (told.rows, told.rejected)
    for row in rows.select(["_key", "CUSTOMER_ID", "SMS", "_email_blacklisted"]).to_pylist():
        number = int(row["CUSTOMER_ID"])
        assert f"c{number:05}@example.com" == row["_key"]
        assert (None if number % 100 == 0 else f"+336{number:08}") == row["SMS"]
        assert (True if number % 10 == 0 else None) is row["_email_blacklisted"]
