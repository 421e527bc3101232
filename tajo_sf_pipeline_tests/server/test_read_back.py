"""What Brevo holds of accepted rows, beside what was sent."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.brevo import attributes, contacts, verify
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.verify import Difference
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

COLUMNS = [
    WrittenColumn("points", "POINTS", "float"),
    WrittenColumn("born", "BORN", "date"),
    WrittenColumn("vip", "VIP", "boolean"),
    WrittenColumn("class", "CLASS", "category", ("gold", "silver")),
    WrittenColumn("tags", "TAGS", "multiple-choice", ("a", "b")),
]
SENT = {
    "FIRSTNAME": "Zoë 🦊",
    "SMS": "+33612345678",
    "POINTS": 3.5,
    "BORN": "1989-02-11",
    "VIP": True,
    "CLASS": "silver",
    "TAGS": ["b", "a"],
    "LASTNAME": "",
}


@pytest.fixture
def client(brevo: BrevoAccount) -> Iterator[Client]:
    """Connect to an account with attributes of every type."""
    settings = Brevo(api_key=brevo.key, base_url=f"{brevo.url}/v3", patience=5)
    with Client(settings, budget=None) as connected:
        attributes.create_missing(connected, COLUMNS)
        yield connected


def _rows(*contacts_sent: dict[str, Any], key: str = "email", **flags: Any) -> pa.Table:
    keys = [sent.get(key) or sent["attributes"]["SMS"] for sent in contacts_sent]
    return pa.table(
        {"_key": keys, "_payload": [json.dumps(sent) for sent in contacts_sent], **flags}
    )


def _send(client: Client, rows: pa.Table) -> None:
    for payload in rows["_payload"].to_pylist():
        contacts.upsert(client, payload.encode())


@pytest.mark.parametrize("kind", ["email", "ext_id", "sms"])
def test_values_of_every_type_are_recognised(client: Client, kind: Any) -> None:
    """Though Brevo shows digits for numbers, and a category's number for its label."""
    sent = {"email": "jane@example.com", "ext_id": "7/x", "attributes": SENT}
    rows = _rows(sent, key=kind)
    _send(client, rows)
    assert [] == list(verify.differences(client, rows, kind))


def test_values_that_brevo_ignored_or_turned_round(client: Client, brevo: BrevoAccount) -> None:
    """Each is told with its attribute, what was sent and what is there."""
    brevo.change(swapped_dates=True, ignored_attributes=["VIP"])
    rows = _rows({"email": "jane@example.com", "attributes": SENT})
    _send(client, rows)
    key = "jane@example.com"
    assert [
        Difference(key, "BORN", "1989-02-11", "1989-11-02", "day and month exchanged"),
        Difference(key, "VIP", True, None, "ignored"),
    ] == list(verify.differences(client, rows, "email"))


def test_contacts_and_values_that_are_others(client: Client) -> None:
    """Who is not there, who holds another value, and whose flag is not as it was sent."""
    there = {"email": "a@example.com", "attributes": {"POINTS": 1, "CLASS": "gold"}}
    _send(client, _rows(there))
    sent = {"email": "a@example.com", "attributes": {"POINTS": 2, "CLASS": "silver"}}
    gone = {"email": "b@example.com", "attributes": {}}
    rows = _rows(sent, gone, _email_blacklisted=[True, None])
    assert [
        Difference("a@example.com", "POINTS", 2, 1, "different"),
        Difference("a@example.com", "CLASS", "silver", "1", "different"),
        Difference("a@example.com", "emailBlacklisted", True, False, "different"),
        Difference("b@example.com", None, None, None, "missing"),
    ] == list(verify.differences(client, rows, "email"))


def test_many_rows_are_read_in_pages(
    client: Client, brevo: BrevoAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has changed since the run began is a few pages, not a call for each row."""
    monkeypatch.setattr(verify, "MANY", 20)
    monkeypatch.setattr(contacts, "_PAGE", 15)
    since = datetime.now(UTC) - timedelta(minutes=1)
    rows = _rows(*({"email": f"p{n}@example.com", "attributes": {"POINTS": n}} for n in range(40)))
    _send(client, rows)
    contacts.upsert(client, b'{"email":"p7@example.com","attributes":{"POINTS":0}}')
    before = client.calls
    found = list(verify.differences(client, rows, "email", since=since))
    assert [Difference("p7@example.com", "POINTS", 7, 0, "different")] == found
    assert 4 == client.calls - before  # the attributes, and three pages


@pytest.mark.parametrize(
    ("sent", "found", "kind", "why"),
    [
        ("", None, "text", None),
        ("", "x", "text", "different"),
        (0, 0, "float", None),
        (0, None, "float", "ignored"),
        (False, False, "boolean", None),
        (False, "false", "boolean", None),
        (True, False, "boolean", "different"),
        (1.5, "1.50", "float", None),
        ("2026-01-02", "2026-01-02T00:00:00.000Z", "date", None),
        ("2026-01-02", "2026-02-01", "date", "day and month exchanged"),
        ("2026-01-02", "2026-02-03", "date", "different"),
        (["a"], ["a", "b"], "multiple-choice", "different"),
        (["a", "b"], "b,a", "multiple-choice", None),
    ],
)
def test_a_value_beside_another(sent: Any, found: Any, kind: str, why: str | None) -> None:
    """Falsy values are values, and the spellings of one value are one."""
    assert why == verify.why_different(sent, found, {"type": kind})
