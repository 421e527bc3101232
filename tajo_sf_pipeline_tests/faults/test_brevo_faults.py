"""Brevo misbehaves: what passes is waited out, what stays is told, and nothing is done twice."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import stamina
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tajo_sf_pipeline.audience.destination import Campaign, ContactsDestination, Sender
from tajo_sf_pipeline.brevo import campaigns, contacts, error_translation, events, imports, lists
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import Flags, Identifier
from tajo_sf_pipeline.config.settings import Brevo, BrevoOAuth
from tajo_sf_pipeline.errors import (
    AuthenticationError,
    PermissionDeniedError,
    RefusedError,
    TajoError,
    UncertainError,
    VendorOutageError,
)
from tajo_sf_pipeline_tests.case_files import each, read
from tajo_sf_pipeline_tests.scripted_server import Answer, Scripted, scripted
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

CONTACT = b'{"email":"jane.doe@example.com","attributes":{"FIRSTNAME":"Jane"}}'
JANE = Identifier("email", "jane.doe@example.com")
LOST = Answer(lost=True)
CREATED, EMPTY = Answer(201, {"id": 7}), Answer(204)
NAMES = (
    "Zoë 🦊",
    'Jean "JJ" Luc',
    "semi;colon;s",
    "سارة الأحمد",
    "a\\b\t\x01c",
    "o'Neil, Åse\u2028",
)


@pytest.fixture
def server() -> Iterator[Scripted]:
    """Run a server that answers as the test says."""
    with scripted() as running:
        yield running


@pytest.fixture
def client(server: Scripted) -> Iterator[Client]:
    """Connect to it."""
    with Client(_brevo(server), budget=None) as connected:
        yield connected


@pytest.fixture
def account(brevo: BrevoAccount) -> Iterator[Client]:
    """Connect to an account of the local Brevo."""
    settings = Brevo(api_key=brevo.key, base_url=f"{brevo.url}/v3", patience=5)
    with Client(settings, budget=None) as connected:
        yield connected


def _brevo(server: Scripted, **more: Any) -> Brevo:
    return Brevo.model_validate(
        {"api_key": "a-key", "base_url": f"{server.url}/v3", "patience": 0.4, **more}
    )


# What it says no to.


@pytest.mark.parametrize("case", each(read("brevo_refusals")))
def test_s17_every_refusal_is_told_by_its_kind(
    client: Client, server: Scripted, case: dict[str, Any]
) -> None:
    """Brevo's code, message and metadata are kept; only what may pass is asked again."""
    text = case["answer"] if isinstance(case["answer"], str) else json.dumps(case["answer"])
    server.will(Answer(case["status"], text=text))
    with pytest.raises(TajoError) as caught:
        contacts.upsert(client, CONTACT)
    error = caught.value
    assert case["error"] == {"kind": error.kind, "code": error.code}
    assert [] == [words for words in case["told"] if words not in str(error)], str(error)
    assert [] == [words for words in case.get("not_told", []) if words in str(error)], str(error)
    assert (case.get("requests") == "several") == (len(server.asked) > 1)
    if isinstance(error, RefusedError):
        kept = case["answer"] if isinstance(case["answer"], dict) else {}
        assert (case["status"], kept) == (error.status, error.answer)
        assert case.get("taken", []) == list(error_translation.taken(dict(error.answer)))
        assert case.get("reason", error.reason) == error.reason


def test_s14_an_error_does_not_name_the_contact(client: Client, server: Scripted) -> None:
    """The address in a contact's own path is masked; so is a phone number."""
    server.will(Answer(400, {"code": "invalid_parameter", "message": "no"}))
    for identifier in (JANE, Identifier("sms", "+33612345678")):
        with pytest.raises(RefusedError) as caught:
            contacts.update(client, identifier, CONTACT)
        told = str(caught.value)
        assert [] == [secret for secret in ("jane", "612345678") if secret in told], told
    with pytest.raises(RefusedError, match=r"PUT /v3/contacts/j\*\*\*@example.com \(400"):
        contacts.update(client, JANE, CONTACT)


@pytest.mark.parametrize(
    ("identifier", "path"),
    [
        (Identifier("email", " A/b?c#d%+e@Example.com "), "a%2Fb%3Fc%23d%25%2Be%40example.com"),
        (Identifier("sms", "+33612345678"), "%2B33612345678"),
        (Identifier("ext_id", "Ä/../x;y"), "%C3%84%2F..%2Fx%3By"),
    ],
    ids=["email", "sms", "ext_id"],
)
def test_identifiers_are_percent_encoded(
    client: Client, server: Scripted, identifier: Identifier, path: str
) -> None:
    """No value of a contact becomes a part of the path, a query or a fragment."""
    server.will(EMPTY)
    contacts.update(client, identifier, None, lists=[3], flags=Flags(sms_blacklisted=True))
    contacts.delete(client, identifier)
    kind = {"email": "email_id", "sms": "phone_id", "ext_id": "ext_id"}[identifier.kind]
    wanted = f"/v3/contacts/{path}?identifierType={kind}"
    assert [("PUT", wanted), ("DELETE", wanted)] == [(one.method, one.path) for one in server.asked]
    assert {"listIds": [3], "smsBlacklisted": True} == server.asked[0].json()


def test_a_contact_that_is_not_there(client: Client, server: Scripted) -> None:
    """It is read as None, deleted as it should be, and a change of it is refused as 404."""
    server.will(Answer(404, {"code": "document_not_found", "message": "Contact does not exist"}))
    assert contacts.get(client, JANE) is None
    contacts.delete(client, JANE)
    with pytest.raises(RefusedError) as caught:
        contacts.update(client, JANE, CONTACT)
    assert 404 == caught.value.status


# What passes.


@pytest.mark.parametrize(
    "fault",
    [
        Answer(425, {"code": "account_in_process", "message": "Too Early"}),
        Answer(500, text="oops"),
        Answer(502, text="<html>bad gateway</html>"),
        Answer(503),
        Answer(524, text="<html>error code: 524</html>"),
        LOST,
    ],
    ids=["425", "500", "502", "503", "524", "lost"],
)
def test_an_outage_that_passes_is_seen_by_nobody(
    client: Client, server: Scripted, fault: Answer
) -> None:
    """The same upsert goes out until it is answered, each time the same bytes (S15)."""
    server.will(fault, fault, EMPTY)
    with stamina.set_testing(True, attempts=5):
        contacts.upsert(client, CONTACT, lists=[4])
    assert (3, 3) == (client.calls, len(server.asked))
    assert 1 == len({asked.body for asked in server.asked})
    assert {
        **json.loads(CONTACT),
        "listIds": [4],
        "updateEnabled": True,
    } == server.asked[0].json()


def test_without_patience_an_outage_is_told_at_once(server: Scripted) -> None:
    """`patience: 0` is one try, also of a report."""
    server.will(Answer(503))
    with Client(_brevo(server, patience=0), budget=None) as client:
        with pytest.raises(VendorOutageError):
            contacts.upsert(client, CONTACT)
        with pytest.raises(VendorOutageError):
            client.download(f"{server.url}/report.csv")
    assert 2 == len(server.asked)


def test_nobody_listens(server: Scripted) -> None:
    """Which address did not answer is told, after `patience`."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with (
            Client(_brevo(server, base_url=f"{url}/v3"), budget=None) as client,
            pytest.raises(VendorOutageError, match=f"TAJO-511 .*{url}"),
        ):
            contacts.upsert(client, CONTACT)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-sib-ratelimit-reset": "1"}, 1.0),
        ({"retry-after": "1"}, 1.0),
        ({}, 1.0),
        ({"x-sib-ratelimit-reset": "soon", "retry-after": "Sat, 21 Nov 2026"}, 1.0),
    ],
    ids=["reset", "retry-after", "no headers", "headers that are no numbers"],
)
def test_s13_a_429_is_slept_out(
    client: Client, server: Scripted, headers: dict[str, str], seconds: float
) -> None:
    """For as long as Brevo says, else for a second at first; never an error, even for an event."""
    server.will(Answer(429, text="Too Many Requests", headers=headers), EMPTY)
    events.send(client, b"{}")
    first, second = (asked.at for asked in server.asked)
    assert seconds <= second - first + 0.01


def test_s13_pauses_without_headers_grow(client: Client, server: Scripted) -> None:
    """The second 429 in a row is slept out for longer than the first."""
    server.will(Answer(429), Answer(429), EMPTY)
    contacts.upsert(client, CONTACT)
    first, second, third = (asked.at for asked in server.asked)
    assert 2 * 0.9 <= third - second
    assert second - first < third - second


# What must not be done twice.


@pytest.mark.parametrize("fault", [LOST, Answer(500), Answer(502), Answer(504), Answer(524)])
def test_an_event_whose_answer_is_lost_is_not_sent_again(
    client: Client, server: Scripted, fault: Answer
) -> None:
    """The error is one that a caller can tell apart; one request went out."""
    server.will(fault, EMPTY)
    with pytest.raises(UncertainError) as caught:
        events.send(client, b'{"event_name":"e"}')
    assert ("TAJO-513", {0}, 1) == (caught.value.code, caught.value.uncertain, len(server.asked))


def test_an_event_that_was_certainly_not_taken_is_sent_again(
    client: Client, server: Scripted
) -> None:
    """425 says that nothing was done."""
    server.will(Answer(425), Answer(425), EMPTY)
    with stamina.set_testing(True, attempts=5):
        events.send(client, b"{}")
    assert 3 == len(server.asked)


@pytest.mark.parametrize("after", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("path", ["/v3/contacts/lists", "/v3/contacts/folders"])
def test_s15_a_list_is_made_once_though_the_answer_is_lost(
    account: Client, brevo: BrevoAccount, path: str, after: bool
) -> None:
    """Whether Brevo had made it or not, there is one list of that name, in one folder."""
    brevo.change(faults=[{"status": 502, "method": "POST", "path": path, "after": after}])
    made = lists.list_id(account, ContactsDestination(list="Once", folder="Only"))
    assert made == lists.list_id(account, ContactsDestination(list="Once", folder="Only"))
    assert {"Once": 0} == brevo.lists()
    folders = account.get("/contacts/folders", limit=50)["folders"]
    assert 1 == [folder["name"] for folder in folders].count("Only")


def test_s15_a_campaign_is_made_once_though_the_answer_is_lost(
    client: Client, server: Scripted
) -> None:
    """The draft is looked for by its name; a second run finds it again, even if it was sent."""
    campaign = Campaign(name="C", subject="S", sender=Sender(id=2), html="<p>Hello</p>")
    none = Answer(json={"campaigns": [{"id": 1, "name": "other"}], "count": 1})
    there = Answer(json={"campaigns": [{"id": 9, "name": "C", "status": "sent"}], "count": 1})
    server.will(none, LOST, there)
    assert [9, 9] == [campaigns.draft(client, campaign, [4]) for _ in range(2)]
    posts = [asked.json() for asked in server.asked if asked.method == "POST"]
    assert [
        {
            "name": "C",
            "subject": "S",
            "sender": {"id": 2},
            "recipients": {"listIds": [4]},
            "htmlContent": "<p>Hello</p>",
        }
    ] == posts


def test_a_campaign_that_may_have_been_made_is_not_made_again(
    client: Client, server: Scripted
) -> None:
    """Where it is not to be seen yet, the error says that it may be there."""
    none = Answer(json={"campaigns": [], "count": 0})
    server.will(none, LOST, none)
    campaign = Campaign(name="C", subject="S", sender=Sender(email="a@example.com"), template_id=3)
    with pytest.raises(UncertainError):
        campaigns.draft(client, campaign, [4])
    server.will(LOST)
    with pytest.raises(UncertainError):
        campaigns.send(client, 9)
    assert 1 == len(server.asked)


# Events in batches.


def test_a_batch_with_bad_events_is_split_into_its_rows(client: Client, server: Scripted) -> None:
    """207 is a success of some: the others have Brevo's reasons, by their index."""
    server.will(
        Answer(
            207,
            {
                "status": "partiallyQueued",
                "total_events": 4,
                "successful_events": 2,
                "failed_events": 2,
                "errors": [
                    {"eventIndex": [1], "message": "undefined event_name"},
                    {"eventIndex": 3, "message": "no identifier"},
                ],
            },
        )
    )
    refused = events.send_batch(client, [b"{}", b"{}", b"{}", b"{}"])
    assert {1: "undefined event_name", 3: "no identifier"} == refused
    assert {"events": [{}, {}, {}, {}]} == server.asked[0].json()


def test_a_batch_that_is_refused_whole(client: Client, server: Scripted) -> None:
    """400 names every event, or none: then it is split until the bad ones stand alone (S07)."""
    named = {"status": "failed", "errors": [{"eventIndex": [0, 1], "message": "undefined"}]}
    server.will(Answer(400, named))
    assert {0: "undefined", 1: "undefined"} == events.send_batch(client, [b"1", b"2"])
    good, bad = Answer(202, {"count": 1}), Answer(400, {"code": "x", "message": "bad"})
    server.will(bad, good, bad, good, bad)
    assert {3: "x: bad"} == events.send_batch(client, [b"0", b"1", b"2", b"3"])
    assert [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]] == [
        asked.json()["events"] for asked in server.asked
    ]


@pytest.mark.parametrize("status", [404, 405, 410])
def test_where_brevo_takes_no_batches_events_go_one_by_one(
    client: Client, server: Scripted, status: int
) -> None:
    """A refused event fails alone."""
    server.will(Answer(status), EMPTY, Answer(400, {"code": "c", "message": "m"}), EMPTY)
    assert {1: "c: m"} == events.send_batch(client, [b"0", b"1", b"2"])
    assert ["/v3/events/batch", *["/v3/events"] * 3] == [asked.path for asked in server.asked]


def test_an_uncertain_batch_says_which_events(client: Client, server: Scripted) -> None:
    """As a whole, in a part of a split one, or one by one: each index has one fate."""
    bad, good = Answer(400, {"code": "x", "message": "bad"}), Answer(202, {"count": 1})

    def fates(*answers: Answer) -> tuple[list[int], list[int], list[int]]:
        server.will(*answers)
        with pytest.raises(UncertainError) as caught:
            events.send_batch(client, [b"0", b"1", b"2", b"3"])
        told = caught.value
        return sorted(told.uncertain), sorted(told.unsent), sorted(told.refused)

    assert ([0, 1, 2, 3], [], []) == fates(LOST)
    assert ([2, 3], [], []) == fates(bad, good, LOST)
    assert ([2], [3], []) == fates(bad, good, bad, LOST)
    assert ([], [2, 3], [1]) == fates(bad, bad, good, bad, Answer(401))
    assert ([1], [3], [0]) == fates(Answer(410), bad, LOST, EMPTY, Answer(403))


def test_an_error_before_the_first_event_means_that_none_arrived(
    client: Client, server: Scripted
) -> None:
    """It is told as what it is."""
    server.will(Answer(401, {"message": "Key not found"}))
    with pytest.raises(AuthenticationError):
        events.send_batch(client, [b"0"])
    server.will(Answer(410), Answer(403))
    with pytest.raises(PermissionDeniedError):
        events.send_batch(client, [b"0", b"1"])
    assert {} == events.send_batch(client, [])


def test_events_that_happened_are_read_in_pages(
    client: Client, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name and days, to the end of each."""
    monkeypatch.setattr(events, "_PAGE", 2)
    two = Answer(json={"events": [{"contact_id": 1}, {"contact_id": 2}], "count": 3})
    one = Answer(json={"events": [{"contact_id": 3}], "count": 3})
    server.will(two, one, Answer(json={"count": 0}))
    found = events.happened(client, ["paid", "left"], date(2026, 1, 2), date(2026, 1, 3))
    assert [1, 2, 3] == [event["contact_id"] for event in found]
    assert [
        f"/v3/events?limit=2&offset={offset}"
        f"&event_name={name}&startDate=2026-01-02&endDate=2026-01-03"
        for name, offset in (("paid", 0), ("paid", 2), ("left", 0))
    ] == [asked.path for asked in server.asked]


# Consent.


def test_s09_no_write_resubscribes_as_a_side_effect(account: Client, brevo: BrevoAccount) -> None:
    """A blocklisted contact stays so by upsert, update and import; only a flag that says so frees.

    A body that blocklists does that to its own contacts.
    """
    list_id = lists.list_id(account, ContactsDestination(list="L"))
    contacts.upsert(account, CONTACT, flags=Flags(email_blacklisted=True))
    contacts.upsert(account, CONTACT, lists=[list_id])
    contacts.update(account, JANE, CONTACT, flags=Flags(sms_blacklisted=True))
    other = '{"email":"other@example.com","attributes":{}}'
    for rows, blacklist in (([CONTACT.decode()], False), ([other], True)):
        batch = pa.record_batch({"_payload": rows})
        [(_, body)] = imports.bodies([batch], [list_id], clear=False, email_blacklist=blacklist)
        _await_import(account, imports.start(account, body))
    held = brevo.contacts()
    assert (True, True) == tuple(
        held[JANE.value][name] for name in ("emailBlacklisted", "smsBlacklisted")
    )
    assert held["other@example.com"]["emailBlacklisted"]
    contacts.update(account, JANE, None, flags=Flags(email_blacklisted=False))
    assert not brevo.contacts()[JANE.value]["emailBlacklisted"]


# Lists.


def test_list_changes_go_out_at_150_and_tell_who_did_not_change(
    client: Client, server: Scripted
) -> None:
    """E-mails are lower-cased, as Brevo compares them; mixed success and none are both told."""
    values = [f"P{n}@Example.com" for n in range(310)]
    some = {"contacts": {"success": [], "failure": ["p0@example.com", "p149@example.com"]}}
    none = {"code": "invalid_parameter", "message": "Contact already in list and/or does not exist"}
    server.will(Answer(201, some), Answer(201, {"success": []}), Answer(400, none))
    failed = lists.remove(client, 5, values, "email")
    told = [values[0], values[149], *values[300:]]
    assert dict.fromkeys(told, lists.NO_CHANGE) == failed
    sent = [asked.json()["emails"] for asked in server.asked]
    assert [150, 150, 10] == [len(part) for part in sent]
    assert [value.lower() for value in values] == [value for part in sent for value in part]
    assert {"/v3/contacts/lists/5/contacts/remove"} == {asked.path for asked in server.asked}


def test_s07_one_bad_address_does_not_keep_the_others_off_a_list(
    account: Client, brevo: BrevoAccount
) -> None:
    """A call that is refused whole is split until the bad address stands alone."""
    list_id = lists.list_id(account, ContactsDestination(list="L"))
    good = [f"p{n}@example.com" for n in range(5)]
    for email in good:
        contacts.upsert(account, json.dumps({"email": email}).encode(), lists=[list_id])
    assert {"L": 5} == brevo.lists()
    failed = lists.remove(account, list_id, [*good[:3], "not an address", *good[3:]], "email")
    assert ["not an address"] == list(failed)
    assert "valid format" in failed["not an address"]
    assert {"L": 0} == brevo.lists()


def test_contacts_by_phone_leave_a_list_one_by_one(account: Client, brevo: BrevoAccount) -> None:
    """A list's own calls take no phone numbers; who is not there is told."""
    list_id = lists.list_id(account, ContactsDestination(list="L"))
    contacts.upsert(account, b'{"attributes":{"SMS":"+33612345678"}}', lists=[list_id])
    numbers = ["+33612345678", "+33699999999"]
    assert {"L": 1} == brevo.lists()
    assert [numbers[0]] == lists.members(account, list_id, "sms")
    assert {numbers[1]: lists.NO_CHANGE} == lists.remove(account, list_id, numbers, "sms")
    assert {"L": 0} == brevo.lists()


def test_a_list_that_is_gone_is_an_error(account: Client) -> None:
    """It is no matter of a single contact."""
    contacts.upsert(account, CONTACT)
    with pytest.raises(RefusedError) as caught:
        lists.remove(account, 99, ["jane.doe@example.com"], "email")
    assert 404 == caught.value.status


# Imports.


def _processes(*found: dict[str, Any]) -> Answer:
    return Answer(json={"count": len(found), "processes": list(found)})


def test_one_poll_sees_all_imports(client: Client, server: Scripted) -> None:
    """Ended well, ended badly, under way, and in a status that nobody has heard of."""
    statuses = ["completed", "failed", "cancelled", "queued", "in_process", "resting"]
    server.will(_processes(*({"id": n, "status": text} for n, text in enumerate(statuses))))
    ended = imports.finished(client, range(6))
    assert {0: True, 1: False, 2: False} == {n: one.completed for n, one in ended.items()}
    assert 1 == len(server.asked)


def test_imports_behind_those_of_others_are_found(client: Client, server: Scripted) -> None:
    """Fifty newer processes of somebody else take one more call; a lost one is not ended."""
    others = ({"id": n, "status": "completed", "name": "LIST_EXPORT"} for n in range(100, 150))
    server.will(_processes(*others), _processes({"id": 3, "status": "completed", "info": None}))
    assert [3] == list(imports.finished(client, [3, 4]))
    assert [
        "/v3/processes?limit=50&offset=0&sort=desc",
        "/v3/processes?limit=50&offset=50&sort=desc",
    ] == [asked.path for asked in server.asked]


def test_reports_name_rows_whatever_their_columns(client: Client, server: Scripted) -> None:
    """Semicolons in quotes, a BOM and capitals do not hide a name; no key travels to the report."""
    text = '\ufeffid;email\n7;"A;b"@x.example\n8;"Odd;Name@example.com"\n'
    server.will(Answer(text=text))
    reports = {"duplicate_phone_id": f"{server.url}/reports/1.csv"}
    found = imports.refused(client, imports.Finished("completed", reports))
    assert "duplicate_phone_id" == found["odd;name@example.com"]
    assert "api-key" not in {name.lower() for name in server.asked[0].headers}


@pytest.mark.parametrize(
    "answer",
    [Answer(404, text="gone"), Answer(403, text="<Error>expired</Error>"), Answer(500), LOST],
    ids=["404", "403", "500", "lost"],
)
def test_s02_a_report_that_cannot_be_read_is_told(
    client: Client, server: Scripted, answer: Answer
) -> None:
    """Without it nobody knows which rows were refused."""
    server.will(answer)
    reports = {"invalid_emails": f"{server.url}/report.csv?signature=s3cret"}
    with pytest.raises(VendorOutageError, match=r"TAJO-517 .* invalid_emails") as caught:
        imports.refused(client, imports.Finished("completed", reports))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("route", ["one by one", "import"])
def test_s10_names_arrive_as_they_are(account: Client, brevo: BrevoAccount, route: str) -> None:
    """Emoji, quotes, semicolons, control characters and right-to-left text, by either way."""
    rows = [
        json.dumps(
            {"email": f"p{n}@example.com", "attributes": {"FIRSTNAME": name}}, ensure_ascii=False
        )
        for n, name in enumerate(NAMES)
    ]
    if route == "import":
        list_id = lists.list_id(account, ContactsDestination(list='L "1"; سارة 🦊'))
        batch = pa.record_batch({"_payload": pa.array(rows, pa.string())})
        [(_, body)] = imports.bodies([batch], [list_id], clear=False)
        _await_import(account, imports.start(account, body))
    else:
        for row in rows:
            contacts.upsert(account, row.encode())
    held = brevo.contacts()
    assert list(NAMES) == [
        held[f"p{n}@example.com"]["attributes"]["FIRSTNAME"] for n in range(len(NAMES))
    ]


def _await_import(client: Client, process: int) -> None:
    deadline = time.monotonic() + 30
    while not imports.finished(client, [process]):
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Certificates.


def test_a_certificate_that_does_not_verify_is_told_at_once(tmp_path: Path) -> None:
    """Nothing is sent, nothing is tried again, and the way out is named."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(_self_signed(tmp_path / "server.pem"))
    with scripted(tls) as server, Client(_brevo(server, patience=60), budget=None) as client:
        server.will(EMPTY)
        with pytest.raises(VendorOutageError) as caught:
            events.send(client, b"{}")
        assert ("TAJO-514", True) == (caught.value.code, "SSL_CERT_FILE" in str(caught.value))
        assert (1, []) == (server.connections, server.asked)


def _self_signed(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


# OAuth.


def _token(value: str, **more: Any) -> Answer:
    return Answer(json={"access_token": value, "token_type": "Bearer", "expires_in": 3600, **more})


def _oauth(server: Scripted, **more: Any) -> Client:
    oauth = {"client_id": "an-id", "client_secret": "a-s3cret", "scope": "contacts:write"}
    changes = {"api_key": None, "oauth": BrevoOAuth.model_validate(oauth), **more}
    return Client(_brevo(server, **changes), budget=None)


def _signatures(server: Scripted) -> list[str]:
    """Give what each request was signed with; a token's own request by its path."""
    return [
        {name.lower(): text for name, text in asked.headers.items()}.get(
            "authorization", asked.path
        )
        for asked in server.asked
    ]


FETCHED = "/realms/partner/oauth/token"


def test_a_token_is_fetched_once_and_renewed_when_it_is_refused(server: Scripted) -> None:
    """At the root of the host, by a form; a refused token is replaced once."""
    server.will(_token("one"), EMPTY, EMPTY, Answer(401), _token("two"), EMPTY)
    with _oauth(server) as client:
        for _ in range(3):
            contacts.upsert(client, CONTACT)
    assert [FETCHED, *["Bearer one"] * 3, FETCHED, "Bearer two"] == _signatures(server)
    assert (
        b"grant_type=client_credentials&client_id=an-id&client_secret=a-s3cret"
        b"&scope=contacts%3Awrite" == server.asked[0].body
    )


def test_a_token_is_renewed_before_it_expires(server: Scripted) -> None:
    """One that is to live for a moment is used for half of it."""
    server.will(_token("one", expires_in=0), EMPTY, _token("two"), EMPTY)
    with _oauth(server) as client:
        contacts.upsert(client, CONTACT)
        contacts.upsert(client, CONTACT)
    assert [FETCHED, "Bearer one", FETCHED, "Bearer two"] == _signatures(server)


def test_threads_share_a_token(server: Scripted) -> None:
    """Eight that begin together fetch one."""
    server.will(_token("one"), EMPTY)
    begin = threading.Barrier(8)
    with _oauth(server) as client, ThreadPoolExecutor(8) as pool:

        def call(_: int) -> None:
            begin.wait()
            contacts.upsert(client, CONTACT)

        list(pool.map(call, range(8)))
    assert 1 == _signatures(server).count(FETCHED)
    assert 8 == _signatures(server).count("Bearer one") == client.calls


def test_a_token_that_stays_refused_is_told(server: Scripted) -> None:
    """After one renewal."""
    server.will(_token("one"), Answer(401), _token("two"), Answer(401, {"message": "no"}))
    with _oauth(server) as client, pytest.raises(AuthenticationError, match="TAJO-211"):
        contacts.upsert(client, CONTACT)
    assert 4 == len(server.asked)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (Answer(401, {"error": "invalid_client"}), "authentication", "TAJO-213"),
        (Answer(400, {"error": "invalid_scope"}), "permission", "TAJO-313"),
        (Answer(200, text="<html>welcome</html>"), "authentication", "TAJO-213"),
        (Answer(503), "vendor_outage", "TAJO-515"),
        (LOST, "vendor_outage", "TAJO-515"),
    ],
    ids=["client", "scope", "page", "503", "lost"],
)
def test_a_token_endpoint_that_gives_none(
    server: Scripted, answer: Answer, kind: str, code: str
) -> None:
    """The client, the scope and the endpoint are told apart; the secret is not told."""
    server.will(answer)
    with _oauth(server) as client, pytest.raises(TajoError) as caught:
        contacts.upsert(client, CONTACT)
    assert (kind, code) == (caught.value.kind, caught.value.code)
    assert "a-s3cret" not in str(caught.value)


def test_a_token_endpoint_that_fails_for_a_moment(server: Scripted) -> None:
    """Its outage is waited out like Brevo's own, even for what must not be sent twice."""
    server.will(Answer(503), LOST, _token("one"), EMPTY)
    with _oauth(server) as client, stamina.set_testing(True, attempts=5):
        events.send(client, b"{}")
    assert [FETCHED] * 3 + ["Bearer one"] == _signatures(server)
