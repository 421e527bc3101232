"""What Brevo's answers mean, and what goes to it: calls against a server that answers by script."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience.destination import ContactsDestination
from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.brevo import (
    attributes,
    contacts,
    credentials,
    events,
    imports,
    lists,
    objects,
    verify,
)
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import Identifier, key_of
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.destinations.objects import records_to_delete
from tajo_sf_pipeline.errors import ConfigurationError, MappingError, VendorOutageError
from tajo_sf_pipeline_tests.scripted_server import Answer, Scripted, scripted

CONTACT = b'{"email":"jane@example.com","attributes":{}}'
PAGE = Answer(200, text="<html>Please sign in to the network</html>")
EMPTY = Answer(204)


@pytest.fixture
def server() -> Iterator[Scripted]:
    """Run a server that answers as the test says."""
    with scripted() as running:
        yield running


@pytest.fixture
def client(server: Scripted) -> Iterator[Client]:
    """Connect to it, by a plan whose limits no test reaches."""
    with Client(_brevo(server), budget=None) as connected:
        yield connected


def _brevo(server: Scripted, **more: Any) -> Brevo:
    settings = {"api_key": "a-key", "base_url": f"{server.url}/v3", "patience": 0}
    return Brevo.model_validate({**settings, "plan": "extended", **more})


# Answers.


@pytest.mark.parametrize("answer", [PAGE, Answer(200), Answer(200, [])], ids=["page", "", "list"])
def test_s02_a_success_of_another_kind_is_no_answer(
    client: Client, server: Scripted, answer: Answer
) -> None:
    """A proxy's page, or nothing where an object is due, is told and never taken for one."""
    server.will(answer)
    with pytest.raises(VendorOutageError) as caught:
        client.get("/contacts/attributes")
    assert "TAJO-516" == caught.value.code


def test_s02_a_page_accepts_no_contact(client: Client, server: Scripted) -> None:
    """A write that a proxy answers with 200 and a page is not confirmed."""
    server.will(PAGE)
    with pytest.raises(VendorOutageError) as caught:
        contacts.upsert(client, CONTACT)
    assert "TAJO-516" == caught.value.code


def test_s07_a_refused_batch_that_names_some_of_its_events_is_split(
    client: Client, server: Scripted
) -> None:
    """Of events that Brevo did not name nobody knows that they were taken: they are sent again."""
    named = {"status": "failed", "errors": [{"eventIndex": [0], "message": "undefined"}]}
    server.will(Answer(400, named), Answer(400, named), Answer(202, {"count": 1}))
    assert {0: "undefined"} == events.send_batch(client, [b"0", b"1"])
    assert [[0, 1], [0], [1]] == [asked.json()["events"] for asked in server.asked]


# Imports.


@pytest.mark.parametrize("status", ["failed", "cancelled", "error", "aborted"])
def test_an_import_that_ended_badly_is_not_waited_for(
    client: Client, server: Scripted, status: str
) -> None:
    """Each of Brevo's words for a bad end is an end."""
    server.will(Answer(json={"processes": [{"id": 7, "status": status}]}))
    found = imports.finished(client, [7])
    assert {7: False} == {number: one.completed for number, one in found.items()}


def test_an_import_is_found_behind_a_hundred_and_fifty_others(
    client: Client, server: Scripted
) -> None:
    """Four pages are looked through: an account that exports much hides no import of ours."""
    pages = [
        Answer(json={"processes": [{"id": first + n, "status": "completed"} for n in range(50)]})
        for first in (300, 200, 100)
    ]
    server.will(*pages, Answer(json={"processes": [{"id": 7, "status": "completed"}]}))
    assert [7] == list(imports.finished(client, [7]))
    assert 4 == len(server.asked)


@pytest.mark.parametrize("text", ["\ufeffjane@example.com;x\n", " jane@example.com ;x\n"])
def test_s02_a_report_names_a_row_whatever_stands_around_it(
    client: Client, server: Scripted, text: str
) -> None:
    """A byte order mark or a blank hides no refused row, though the report has no head."""
    server.will(Answer(text=text))
    process = imports.Finished("completed", {"invalid_emails": f"{server.url}/report.csv"})
    assert "invalid_emails" == imports.refused(client, process)["jane@example.com"]


def test_s15_an_import_says_how_it_is_meant() -> None:
    """Contacts that exist are updated, nobody gets an e-mail about it, and no flag is sent."""
    batch = pa.record_batch({"_payload": ["{}", "{}"]})
    [(_, body)] = imports.bodies([batch], [4, 5], clear=False)
    assert (
        b'{"jsonBody":[{},{}],"listIds":[4,5],"updateExistingContacts":true,'
        b'"emptyContactsAttributes":false,"disableNotification":true}' == body
    )


def test_a_body_stays_below_what_brevo_calls_safe() -> None:
    """17 MB of contacts are three bodies, of at most 8 MB each."""
    payload = json.dumps({"email": "x" * 99_000})
    batch = pa.record_batch({"_payload": [payload] * 170})
    found = [len(body) for _, body in imports.bodies([batch], [4], clear=False)]
    assert (3, []) == (len(found), [size for size in found if size > 8_000_000])


# Lists.


def _lists(*ids: int, name: str = "") -> Answer:
    return Answer(json={"lists": [{"id": one, "name": name or f"list {one}"} for one in ids]})


FOLDER = Answer(json={"folders": [{"id": 3, "name": "tajo"}]})


def test_s15_of_several_lists_of_one_name_the_oldest_is_written_to(
    client: Client, server: Scripted
) -> None:
    """A second list that somebody made under the same name changes nothing."""
    server.will(FOLDER, _lists(9, 5, 7, name="VIP"))
    assert {"VIP": 5} == lists.ids_of(client, "tajo", ["VIP"])


def test_s15_a_list_behind_fifty_others_is_found(client: Client, server: Scripted) -> None:
    """It is not made a second time: all pages are read first."""
    server.will(FOLDER, _lists(*range(100, 150)), _lists(8, name="VIP"))
    assert {"VIP": 8} == lists.ids_of(client, "tajo", ["VIP"])
    assert {"GET"} == {asked.method for asked in server.asked}


def test_s08_every_member_of_a_list_is_read(client: Client, server: Scripted) -> None:
    """Five hundred a call, until a call gives fewer."""
    pages = [[f"p{n}@example.com" for n in range(500)], ["last@example.com"]]
    server.will(*(Answer(json={"contacts": [{"email": one} for one in page]}) for page in pages))
    assert [*pages[0], "last@example.com"] == lists.members(client, 4, "email")


def test_s16_a_list_id_that_brevo_does_not_have_is_told_before_a_write(
    client: Client, server: Scripted
) -> None:
    """The configuration is wrong, and nothing else is asked."""
    server.will(Answer(404, {"code": "document_not_found", "message": "List not found"}))
    with pytest.raises(ConfigurationError) as caught:
        lists.list_id(client, ContactsDestination(list_id=44))
    assert ("TAJO-117", 1) == (caught.value.code, len(server.asked))


# Contacts and objects.


@pytest.mark.parametrize(
    ("contact", "kind", "key"),
    [
        ({"email": "Jane@Example.com"}, "email", "jane@example.com"),
        ({"ext_id": "A-1"}, "ext_id", "A-1"),
        ({"attributes": {"EXT_ID": "A-1"}}, "ext_id", "A-1"),
        ({"attributes": {"SMS": "33612345678"}}, "sms", "+33612345678"),
        ({"attributes": {"SMS": "+33612345678"}}, "sms", "+33612345678"),
        ({"email": None, "attributes": None}, "email", ""),
        ({"attributes": {}}, "ext_id", ""),
        ({"attributes": {}}, "sms", ""),
    ],
)
def test_a_contacts_key_as_brevo_shows_it(contact: dict[str, Any], kind: Any, key: str) -> None:
    """Wherever an answer has it, and empty where the contact has none."""
    assert key == key_of(contact, kind)


def test_s20_a_change_of_address_under_ext_id_is_an_attribute(
    client: Client, server: Scripted
) -> None:
    """PUT takes a new address as the attribute EMAIL alone, and the identifier in its path."""
    server.will(EMPTY)
    payload = b'{"email":"new@example.com","ext_id":"A-1","attributes":{"FIRSTNAME":"Jane"}}'
    contacts.update(client, Identifier("ext_id", "A-1"), payload)
    assert {"attributes": {"FIRSTNAME": "Jane", "EMAIL": "new@example.com"}} == (
        server.asked[0].json()
    )


def test_records_are_deleted_by_the_thousand(client: Client, server: Scripted) -> None:
    """Each id goes out once, however many there are."""
    server.will(Answer(202, {"processId": 1}), Answer(202, {"processId": 2}))
    wanted = [f"r{n}" for n in range(1500)]
    rows = pa.table({"_key": wanted}).to_batches()
    cut = [part["_key"].to_pylist() for part, _ in records_to_delete(iter(rows))]
    assert [1, 2] == [objects.delete(client, "car", part) for part in cut]
    sent = [asked.json()["identifiers"]["ext_ids"] for asked in server.asked]
    assert [wanted[:1000], wanted[1000:]] == sent


# Attributes.


NONE: dict[str, dict[str, Any]] = {}


@pytest.mark.parametrize("name", ["EMAIL", "sms", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"])
def test_what_every_contact_has_is_not_missed(name: str) -> None:
    """Brevo does not list these among its attributes, and takes them all the same."""
    assert attributes.problem(WrittenColumn("column", name, "text"), NONE) is None


@pytest.mark.parametrize("kind", ["category", "multiple-choice"])
def test_s16_an_option_that_brevo_lacks_is_found_before_a_write(kind: str) -> None:
    """An import would ignore it without a word, in a category as in a multiple choice."""
    account: dict[str, dict[str, Any]] = {
        "TIER": {"category": "category", "enumeration": [{"value": 1, "label": "gold"}]}
        if kind == "category"
        else {"category": "normal", "type": kind, "multiCategoryOptions": ["gold"]}
    }
    found = attributes.problem(WrittenColumn("tier", "TIER", kind, ("gold", "silver")), account)
    assert found is not None
    assert ("options", ("silver",)) == (found.kind, found.options)


def test_s16_nothing_is_created_beside_a_conflict(client: Client, server: Scripted) -> None:
    """Brevo cannot change a type: who must mend that finds the account as it was."""
    account = {"attributes": [{"name": "AGE", "category": "normal", "type": "text"}]}
    server.will(Answer(json=account))
    columns = [WrittenColumn("age", "AGE", "float"), WrittenColumn("city", "CITY", "text")]
    with pytest.raises(MappingError) as caught:
        attributes.create_missing(client, columns)
    assert ("TAJO-612", ["GET"]) == (caught.value.code, [one.method for one in server.asked])


# Read-back.


def test_s02_a_read_back_looks_through_every_page(
    client: Client, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contact that stands on the second page of what has changed is not called missing."""
    monkeypatch.setattr(contacts, "_PAGE", 2)
    monkeypatch.setattr(verify, "MANY", 2)
    keys = ["a@example.com", "b@example.com", "c@example.com"]
    pages = [[{"email": one, "attributes": {}} for one in part] for part in (keys[:2], keys[2:])]
    server.will(Answer(json={"attributes": []}), *(Answer(json={"contacts": p}) for p in pages))
    rows = pa.table({"_key": keys, "_payload": ["{}"] * 3})
    found = verify.differences(client, rows, "email", since=datetime(2026, 11, 1, tzinfo=UTC))
    assert [] == list(found)
    assert ["/v3/contacts/attributes", *["/v3/contacts"] * 2] == [
        asked.path.partition("?")[0] for asked in server.asked
    ]


@pytest.mark.parametrize(
    ("column", "flag"),
    [("_email_blacklisted", "emailBlacklisted"), ("_sms_blacklisted", "smsBlacklisted")],
)
def test_s09_a_read_back_sees_a_flag_that_was_not_set(
    client: Client, server: Scripted, column: str, flag: str
) -> None:
    """Either blocklist flag that Brevo does not hold as it was sent is a difference."""
    contact = {"email": "a@example.com", "attributes": {}}
    server.will(Answer(json={"attributes": []}), Answer(json=contact))
    rows = pa.table({"_key": ["a@example.com"], "_payload": ["{}"], column: [True]})
    [found] = verify.differences(client, rows, "email")
    assert (flag, True, "different") == (found.attribute, found.sent, found.why)


# Tokens.


def test_a_token_is_replaced_a_minute_before_its_end(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that goes out in its last minute would be refused on its way."""
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(credentials, "time", SimpleNamespace(monotonic=lambda: clock.seconds))
    tokens = [Answer(json={"access_token": one, "expires_in": 3600}) for one in ("one", "two")]
    server.will(*tokens)
    oauth = {"client_id": "an-id", "client_secret": "a-secret"}
    signing = credentials.credentials_of(_brevo(server, api_key=None, oauth=oauth))
    found = []
    for moment in (0, 3539, 3541):
        clock.seconds = moment
        found.append(signing.headers()["authorization"])
    assert ["Bearer one", "Bearer one", "Bearer two"] == found
