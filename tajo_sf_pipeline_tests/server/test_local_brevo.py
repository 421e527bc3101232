"""The local Brevo over real HTTP, rule by rule."""

import hashlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers

NewAccount = Callable[..., httpx.Client]

REPORTS = {
    "invalid_emails",
    "duplicate_contact_id",
    "duplicate_ext_id",
    "duplicate_email_id",
    "duplicate_phone_id",
    "duplicate_whatsapp_id",
    "duplicate_landline_number_id",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, _ = free_ports()
    with running_servers(tmp_path_factory.mktemp("brevo"), {"brevo": port}):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def new_account(address: str, numbers: Iterator[int]) -> Iterator[NewAccount]:
    """Make an account of one's own, without limits and with instant imports unless told."""
    clients: list[httpx.Client] = []

    def make(**settings: Any) -> httpx.Client:
        key = f"key-{next(numbers)}"
        clients.append(httpx.Client(base_url=address, headers={"api-key": key}, timeout=20))
        settings = {"rate_limits": False, "import_seconds": 0} | settings
        created = clients[-1].post("/admin/accounts", json={"key": key} | settings)
        assert created.status_code == 201
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def brevo(new_account: NewAccount) -> httpx.Client:
    return new_account()


def admin(brevo: httpx.Client, path: str = "") -> str:
    return f"/admin/accounts/{brevo.headers['api-key']}{path}"


def declare(brevo: httpx.Client, *faults: dict[str, Any]) -> None:
    brevo.patch(admin(brevo), json={"faults": faults}).raise_for_status()


def create(brevo: httpx.Client, email: str, **body: Any) -> int:
    created = brevo.post("/v3/contacts", json={"email": email} | body)
    assert created.status_code == 201, created.text
    return int(created.json()["id"])


def get(brevo: httpx.Client, identifier: str | int, **query: str) -> dict[str, Any]:
    found = brevo.get(f"/v3/contacts/{identifier}", params=query)
    assert found.status_code == 200, found.text
    contact: dict[str, Any] = found.json()
    return contact


def attributes_of(brevo: httpx.Client, identifier: str | int) -> dict[str, Any]:
    attributes: dict[str, Any] = get(brevo, identifier)["attributes"]
    return attributes


def new_list(brevo: httpx.Client, name: str = "High value") -> int:
    folder = brevo.get("/v3/contacts/folders").json()["folders"][0]["id"]
    created = brevo.post("/v3/contacts/lists", json={"name": name, "folderId": folder})
    assert created.status_code == 201
    return int(created.json()["id"])


def new_attribute(brevo: httpx.Client, name: str, category: str = "normal", **body: Any) -> None:
    created = brevo.post(f"/v3/contacts/attributes/{category}/{name}", json=body)
    assert (created.status_code, created.content) == (201, b"")


def start_import(brevo: httpx.Client, **body: Any) -> int:
    lists = {} if "newList" in body else {"listIds": [new_list(brevo)]}
    started = brevo.post("/v3/contacts/import", json=lists | body)
    assert started.status_code == 202, started.text
    return int(started.json()["processId"])


def states_of(brevo: httpx.Client, process: int) -> list[dict[str, Any]]:
    """Poll a process to its end; its states, each once."""
    states: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = brevo.get(f"/v3/processes/{process}").json()
        if state not in states[-1:]:
            states.append(state)
        if state["status"] in {"completed", "failed", "cancelled"}:
            return states
        time.sleep(0.005)
    raise AssertionError(states)


def reports_of(brevo: httpx.Client, **body: Any) -> dict[str, str]:
    """Import to the end; the reports that have rows."""
    process = states_of(brevo, start_import(brevo, **body))[-1]
    assert process["status"] == "completed"
    urls = {kind: url for kind, url in process["info"]["import"].items() if url}
    return {kind: httpx.get(url).text for kind, url in urls.items()}


def error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def command(home: Path, port: int) -> list[str]:
    module = [sys.executable, "-m", "tajo_sf_pipeline.sandbox.brevo"]
    return [*module, "--home", str(home), "--port", str(port)]


def started(home: Path, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    port, _ = free_ports()
    server = subprocess.Popen([*command(home, port), *options], stdin=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/admin/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return server, address
    raise AssertionError("the server did not start")


class TestProcess:
    def test_says_that_the_port_is_taken(self, tmp_path: Path) -> None:
        """A taken port ends in one line that names it and exit code 2."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ended = subprocess.run(
                command(tmp_path, port), capture_output=True, text=True, check=False, timeout=20
            )
        assert (
            ended.returncode,
            len(ended.stderr.splitlines()),
            f"{port} is taken" in ended.stderr,
        ) == (2, 1, True)

    def test_keeps_its_data_and_leaves_orderly(self, tmp_path: Path) -> None:
        """Contacts outlive the process, an unfinished import fails, both ways out exit with 0."""
        server, address = started(tmp_path, "--account-key", "mine", "--plan", "extended")
        assert server.stdin
        with httpx.Client(base_url=address, headers={"api-key": "mine"}) as brevo:
            create(brevo, "kept@example.com")
            declare(brevo, {"import_stays": "in_process"})
            process = start_import(brevo, jsonBody=[{"email": "a@example.com"}])
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
        server.stdin.close()

        server, address = started(tmp_path, "--account-key", "mine", "--until-stdin-closes")
        assert server.stdin
        with httpx.Client(base_url=address, headers={"api-key": "mine"}) as brevo:
            kept = brevo.get("/v3/contacts/kept@example.com")
            ended = brevo.get(f"/v3/processes/{process}")
        server.stdin.close()
        assert server.wait(10) == 0
        assert (
            kept.status_code,
            kept.headers["x-sib-ratelimit-limit"],
            ended.json()["status"],
        ) == (200, "60", "failed")


class TestAccounts:
    @pytest.mark.parametrize("headers", [{}, {"api-key": "nobody"}])
    def test_refuses_an_unknown_key(self, address: str, headers: dict[str, str]) -> None:
        """A missing and an unknown key get the same 401."""
        answer = httpx.get(f"{address}/v3/account", headers=headers)
        assert (401, error("unauthorized", "Key not found")) == (answer.status_code, answer.json())

    def test_are_separate(self, new_account: NewAccount) -> None:
        """What one account has is not there for another, not even by its id."""
        one, other = new_account(), new_account()
        contact, list_ = create(one, "a@example.com"), new_list(one)
        assert [
            other.get(f"/v3/contacts/{contact}").status_code,
            other.get("/v3/contacts/a@example.com").status_code,
            other.get(f"/v3/contacts/lists/{list_}").status_code,
        ] == [404, 404, 404]

    def test_start_furnished(self, brevo: httpx.Client) -> None:
        """A new account has one folder and the attributes of every Brevo account."""
        names = {a["name"] for a in brevo.get("/v3/contacts/attributes").json()["attributes"]}
        assert {"FIRSTNAME", "LASTNAME", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"} == names
        assert brevo.get("/v3/contacts/folders").json()["count"] == 1

    def test_are_emptied_when_made_again(self, brevo: httpx.Client) -> None:
        """Creating an account again leaves nothing of what it had."""
        create(brevo, "a@example.com", listIds=[new_list(brevo)])
        brevo.post("/admin/accounts", json={"key": brevo.headers["api-key"], "rate_limits": False})
        summary = brevo.get(admin(brevo, "/summary")).json()
        assert (summary) == {
            "contacts": 0,
            "lists": [],
            "attributes": 6,
            "processes": 0,
            "requests": {},
        }

    def test_show_themselves(self, new_account: NewAccount) -> None:
        """GET /account has the documented fields; `enterprise` follows the plan."""
        account = new_account(plan="extended").get("/v3/account").json()
        assert account["enterprise"] is True
        assert {"organization_id", "user_id", "companyName", "email", "address", "plan"} <= set(
            account
        )

    def test_name_what_is_missing(self, brevo: httpx.Client) -> None:
        """A path that is not built yet says so in JSON, though it looks like a contact's."""
        answer = brevo.get("/v3/contacts/segments")
        assert (
            answer.status_code,
            answer.json()["message"],
        ) == (404, "the local Brevo does not answer GET /v3/contacts/segments yet")


class TestContacts:
    def test_are_answered_in_the_documented_form(self, brevo: httpx.Client) -> None:
        """E-mails come back trimmed and in lower case, phones as digits, among the attributes."""
        list_ = new_list(brevo)
        attributes = {"firstname": "Ada", "SMS": "+33 6 12 34 56 78", "UNKNOWN": "dropped"}
        contact = create(
            brevo, " Ada@Example.com ", attributes=attributes, ext_id="7", listIds=[list_]
        )
        form = get(brevo, contact)
        assert form.pop("createdAt") == form.pop("modifiedAt")
        assert form == {
            "id": contact,
            "email": "ada@example.com",
            "emailBlacklisted": False,
            "smsBlacklisted": False,
            "whatsappBlacklisted": False,
            "listIds": [list_],
            "attributes": {"FIRSTNAME": "Ada", "SMS": "33612345678", "EXT_ID": "7"},
            "statistics": {},
        }

    def test_upsert_when_enabled(self, brevo: httpx.Client) -> None:
        """With updateEnabled an existing contact is updated, and the answer is an empty 204."""
        create(brevo, "a@example.com", attributes={"FIRSTNAME": "Ada", "LASTNAME": "King"})
        body = {"email": "A@example.com", "updateEnabled": True, "emailBlacklisted": True}
        updated = brevo.post("/v3/contacts", json=body | {"attributes": {"LASTNAME": "Lovelace"}})
        assert (updated.status_code, updated.content) == (204, b"")
        contact = get(brevo, "a@example.com")
        assert (
            contact["attributes"],
            contact["emailBlacklisted"],
        ) == ({"FIRSTNAME": "Ada", "LASTNAME": "Lovelace"}, True)

    def test_refuse_a_known_email(self, brevo: httpx.Client) -> None:
        """Without updateEnabled a known e-mail is a duplicate, named in the metadata."""
        create(brevo, "a@example.com")
        refused = brevo.post("/v3/contacts", json={"email": "a@example.com"})
        message = "Unable to create contact, email is already associated with another Contact"
        assert refused.status_code == 400
        assert refused.json() == error("duplicate_parameter", message) | {
            "metadata": {"duplicate_identifiers": ["email"]}
        }

    @pytest.mark.parametrize(
        ("attribute", "value"),
        [
            ("SMS", "0033612345678"),
            ("WHATSAPP", "33612345678"),
            ("LANDLINE_NUMBER", "+33612345678"),
            ("ext_id", "7"),
        ],
    )
    def test_refuse_an_identifier_of_another(
        self, brevo: httpx.Client, attribute: str, value: str
    ) -> None:
        """Each identifier belongs to one contact; a clash leaves the other fields unwritten too."""
        create(brevo, "a@example.com", attributes={attribute: value})
        create(brevo, "b@example.com")
        change = {"attributes": {attribute: value, "FIRSTNAME": "Bob"}}
        refused = brevo.put("/v3/contacts/b@example.com", json=change)
        message = (
            f"Unable to update contact, {attribute} is already associated with another Contact"
        )
        assert (400, message, [attribute]) == (
            refused.status_code,
            refused.json()["message"],
            refused.json()["metadata"]["duplicate_identifiers"],
        )
        assert attributes_of(brevo, "b@example.com") == {}

    @pytest.mark.parametrize(
        ("body", "code", "message"),
        [
            ({}, "missing_parameter", "email, ext_id or SMS is missing"),
            ({"email": "no address"}, "invalid_parameter", "Invalid email address"),
            ({"attributes": {"SMS": "0612"}}, "invalid_parameter", "Invalid phone number"),
            (
                {"email": "a@example.com", "listIds": [999999]},
                "invalid_parameter",
                "List ID does not exist",
            ),
            (
                {"email": "a@example.com", "attributes": {"BORN": "31/12/2000"}},
                "invalid_parameter",
                "invalid date format",
            ),
            (
                {"email": "a@example.com", "forceMerge": True},
                "invalid_parameter",
                "the local Brevo does not take forceMerge yet",
            ),
        ],
    )
    def test_say_what_is_wrong(
        self, brevo: httpx.Client, body: dict[str, Any], code: str, message: str
    ) -> None:
        """A row call that cannot be taken is a 400 with code and message."""
        new_attribute(brevo, "BORN", type="date")
        refused = brevo.post("/v3/contacts", json=body)
        assert (400, error(code, message)) == (refused.status_code, refused.json())

    @pytest.mark.parametrize(
        ("identifier", "type_"),
        [
            ("a%2Bb%2Fc%40example.com", None),
            ("%2B33611111111", None),
            ("33611111111", "phone_id"),
            ("own%2F7", "ext_id"),
            ("33622222222", "whatsapp_id"),
            ("33633333333", "landline_number_id"),
        ],
    )
    def test_are_found_by_each_identifier(
        self, brevo: httpx.Client, identifier: str, type_: str | None
    ) -> None:
        """The path is percent-decoded once; identifierType says what it holds."""
        phones = {"SMS": "33611111111", "WHATSAPP": "33622222222", "LANDLINE_NUMBER": "33633333333"}
        contact = create(brevo, "a+b/c@example.com", ext_id="own/7", attributes=phones)
        assert (
            contact == get(brevo, identifier, **({"identifierType": type_} if type_ else {}))["id"]
        )

    def test_are_not_changed_by_a_bare_phone_number(self, brevo: httpx.Client) -> None:
        """PUT and DELETE take e-mail and contact id alone unless identifierType is given."""
        create(brevo, "a@example.com", attributes={"SMS": "33611111111"})
        assert [
            brevo.put("/v3/contacts/33611111111", json={}).status_code,
            brevo.delete("/v3/contacts/33611111111").status_code,
            brevo.delete("/v3/contacts/33611111111?identifierType=phone_id").status_code,
        ] == [404, 404, 204]

    def test_answer_404_and_400_for_nobody(self, brevo: httpx.Client) -> None:
        """An unknown contact is a 404, an identifier that cannot be one a 400."""
        absent, wrong = brevo.get("/v3/contacts/a@example.com"), brevo.get("/v3/contacts/nobody")
        assert (404, error("document_not_found", "Contact does not exist")) == (
            absent.status_code,
            absent.json(),
        )
        assert (400, error("invalid_parameter", "Invalid email address")) == (
            wrong.status_code,
            wrong.json(),
        )

    def test_change_lists_and_attributes(self, brevo: httpx.Client) -> None:
        """PUT merges attributes, clears those sent empty, and links and unlinks lists."""
        old, new = new_list(brevo), new_list(brevo)
        names = {"FIRSTNAME": "Ada", "LASTNAME": "King"}
        contact = create(brevo, "a@example.com", attributes=names, listIds=[old])
        change = {"attributes": {"LASTNAME": ""}, "listIds": [new], "unlinkListIds": [old]}
        changed = brevo.put(f"/v3/contacts/{contact}", json=change)
        form = get(brevo, contact)
        assert (204, {"FIRSTNAME": "Ada"}, [new]) == (
            changed.status_code,
            form["attributes"],
            form["listIds"],
        )

    def test_are_resubscribed_by_another_email(self, brevo: httpx.Client) -> None:
        """Changing a blocklisted contact's e-mail takes the block away, as Brevo warns."""
        contact = create(brevo, "a@example.com", emailBlacklisted=True)
        brevo.put(f"/v3/contacts/{contact}", json={"attributes": {"EMAIL": "B@example.com"}})
        form = get(brevo, contact)
        assert (form["email"], form["emailBlacklisted"]) == ("b@example.com", False)

    def test_are_deleted(self, brevo: httpx.Client) -> None:
        """DELETE answers with an empty 204 and takes the contact off its lists."""
        list_ = new_list(brevo)
        create(brevo, "a@example.com", listIds=[list_])
        deleted = brevo.delete("/v3/contacts/a@example.com")
        assert (
            deleted.status_code,
            deleted.content,
            brevo.get(f"/v3/contacts/lists/{list_}").json()["uniqueSubscribers"],
        ) == (204, b"", 0)

    def test_come_in_pages(self, brevo: httpx.Client) -> None:
        """limit, offset and sort cut the listing; count is of all that match."""
        ids = [create(brevo, f"{name}@example.com") for name in "abcd"]
        page = brevo.get("/v3/contacts?limit=2&offset=1&sort=asc").json()
        newest = brevo.get("/v3/contacts?limit=1").json()
        assert (ids[1:3], 4, [ids[3]]) == (
            [contact["id"] for contact in page["contacts"]],
            page["count"],
            [contact["id"] for contact in newest["contacts"]],
        )

    def test_are_filtered(self, brevo: httpx.Client) -> None:
        """listIds, ids and modifiedSince narrow the listing and its count."""
        list_ = new_list(brevo)
        ids = [create(brevo, "a@example.com", listIds=[list_]), create(brevo, "b@example.com")]
        # Both may fall into one millisecond, the unit of these moments.
        while (moment := get(brevo, ids[1])["modifiedAt"]) == get(brevo, ids[0])["modifiedAt"]:
            brevo.put(f"/v3/contacts/{ids[1]}", json={"attributes": {"FIRSTNAME": "B"}})
        queries = [f"listIds={list_}", f"ids={ids[0]},{ids[1]}", f"modifiedSince={moment}"]
        assert [brevo.get(f"/v3/contacts?{q}").json()["count"] for q in queries] == [1, 2, 1]

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("limit=1001", "out_of_range"),
            ("limit=many", "invalid_parameter"),
            ("sort=up", "invalid_parameter"),
            ("modifiedSince=2026-01-01T00:00:00+01:00", "invalid_parameter"),
            ("segmentId=1", "invalid_parameter"),
        ],
    )
    def test_refuse_a_wrong_query(self, brevo: httpx.Client, query: str, code: str) -> None:
        """Each limit of the listing is enforced; a raw + is a blank and makes no time zone."""
        refused = brevo.get(f"/v3/contacts?{query}")
        assert (400, code) == (refused.status_code, refused.json()["code"])


class TestAttributes:
    @pytest.fixture
    def typed(self, brevo: httpx.Client) -> httpx.Client:
        for type_ in ("text", "date", "float", "boolean"):
            new_attribute(brevo, f"A_{type_}", type=type_)
        new_attribute(
            brevo, "A_CHOICE", type="multiple-choice", multiCategoryOptions=["red", "blue"]
        )
        kinds = [{"value": 1, "label": "Gold"}, {"value": 2, "label": "Silver"}]
        new_attribute(brevo, "A_CATEGORY", "category", enumeration=kinds)
        return brevo

    def test_are_listed(self, typed: httpx.Client) -> None:
        """Names are upper case; options come with what has them; a category has valueStr."""
        listed = {a["name"]: a for a in typed.get("/v3/contacts/attributes").json()["attributes"]}
        assert listed["A_DATE"] == {"name": "A_DATE", "category": "normal", "type": "date"}
        assert listed["A_CHOICE"]["multiCategoryOptions"] == ["red", "blue"]
        assert (
            listed["A_CATEGORY"]["category"],
            listed["A_CATEGORY"]["enumeration"][0],
        ) == ("category", {"value": 1, "label": "Gold", "valueStr": "1"})

    @pytest.mark.parametrize(
        ("name", "sent", "stored"),
        [
            ("A_TEXT", "a", "a"),
            ("A_TEXT", 5, "5"),
            ("A_TEXT", True, None),
            ("A_FLOAT", 1.5, 1.5),
            ("A_FLOAT", 0, 0),
            ("A_FLOAT", "1.50", 1.5),
            ("A_FLOAT", "much", None),
            ("A_FLOAT", True, None),
            ("A_FLOAT", "nan", None),
            ("A_BOOLEAN", False, False),
            ("A_BOOLEAN", "Yes", True),
            ("A_BOOLEAN", 1, None),
            ("A_DATE", "2026-01-31", "2026-01-31"),
            ("A_DATE", "31-01-2026", "2026-01-31"),
            ("A_DATE", "2026-02-30", None),
            ("A_DATE", "2026-01-31T08:00:00Z", None),
            ("A_CATEGORY", 2, "2"),
            ("A_CATEGORY", "gold", "1"),
            ("A_CATEGORY", "Bronze", None),
            ("A_CHOICE", ["red", "blue"], ["red", "blue"]),
            ("A_CHOICE", ["green"], None),
        ],
    )
    def test_keep_their_type(self, typed: httpx.Client, name: str, sent: Any, stored: Any) -> None:
        """An import stores what fits the attribute and ignores the rest without a word."""
        row = {"email": "a@example.com", "attributes": {name: sent, "FIRSTNAME": "Ada"}}
        assert reports_of(typed, jsonBody=[row]) == {}
        expected = {"FIRSTNAME": "Ada"} | ({} if stored is None else {name: stored})
        assert expected == attributes_of(typed, "a@example.com")

    def test_change_their_options_only(self, typed: httpx.Client) -> None:
        """PUT replaces the options; there is nothing to change in an attribute without any."""
        path = "/v3/contacts/attributes/normal"
        options = {"multiCategoryOptions": ["green"]}
        assert [
            typed.put(f"{path}/A_CHOICE", json=options).status_code,
            typed.put(f"{path}/A_TEXT", json={"type": "float"}).status_code,
            typed.put(f"{path}/NOBODY", json=options).status_code,
        ] == [204, 400, 404]
        create(typed, "a@example.com", attributes={"A_CHOICE": ["green"]})
        assert attributes_of(typed, "a@example.com") == {"A_CHOICE": ["green"]}

    def test_take_their_values_with_them(self, typed: httpx.Client) -> None:
        """Deleting an attribute deletes what contacts had there; a second time it is gone."""
        create(typed, "a@example.com", attributes={"A_TEXT": "a", "FIRSTNAME": "Ada"})
        path = "/v3/contacts/attributes/normal/a_text"
        assert [typed.delete(path).status_code, typed.delete(path).status_code] == [204, 404]
        assert attributes_of(typed, "a@example.com") == {"FIRSTNAME": "Ada"}

    @pytest.mark.parametrize(
        ("path", "body", "message"),
        [
            ("normal/FIRSTNAME", {"type": "text"}, "Attribute name must be unique"),
            ("normal/A", {}, "type is missing"),
            ("normal/A", {"type": "id"}, "Invalid attribute type"),
            ("normal/A-B", {"type": "text"}, "Attribute name is invalid"),
            ("category/A", {"enumeration": [{"value": 1}]}, "enumeration is invalid"),
            (
                "normal/A",
                {"type": "multiple-choice", "multiCategoryOptions": ["x" * 201]},
                "multiCategoryOptions is invalid",
            ),
        ],
    )
    def test_refuse(
        self, brevo: httpx.Client, path: str, body: dict[str, Any], message: str
    ) -> None:
        """Names are unique, types fit the category, options have at most 200 characters."""
        refused = brevo.post(f"/v3/contacts/attributes/{path}", json=body)
        assert (400, message) == (refused.status_code, refused.json()["message"])


class TestLists:
    def test_live_in_folders(self, brevo: httpx.Client) -> None:
        """A list is made in a folder, renamed, moved, and deleted without its contacts."""
        list_ = new_list(brevo, "Old")
        create(brevo, "a@example.com", listIds=[list_])
        folder = brevo.post("/v3/contacts/folders", json={"name": "Tajo"}).json()["id"]
        path = f"/v3/contacts/lists/{list_}"
        assert [
            brevo.put(path, json=body).status_code
            for body in ({"name": "New"}, {"folderId": folder}, {"name": "A", "folderId": 1})
        ] == [204, 204, 400]
        form = {"id": list_, "name": "New", "uniqueSubscribers": 1}
        zeros = {"totalSubscribers": 0, "totalBlacklisted": 0}
        assert {"count": 1, "lists": [form | zeros]} == (
            brevo.get(f"/v3/contacts/folders/{folder}/lists").json()
        )
        assert {"count": 1, "lists": [form | zeros | {"folderId": folder}]} == (
            brevo.get("/v3/contacts/lists").json()
        )
        assert {"createdAt", "dynamicList"} <= set(brevo.get(path).json())
        assert [brevo.delete(path).status_code, brevo.get(path).status_code] == [204, 404]
        assert get(brevo, "a@example.com")["listIds"] == []

    def test_need_a_name_and_a_folder(self, brevo: httpx.Client) -> None:
        """Both are mandatory, and the folder must exist."""
        bodies = [{"name": "A"}, {"folderId": 1}, {"name": "A", "folderId": 999999}]
        answers = [brevo.post("/v3/contacts/lists", json=body) for body in bodies]
        assert [(answer.status_code, answer.json()["message"]) for answer in answers] == [
            (400, "folderId is missing"),
            (400, "name is missing"),
            (400, "Folder ID does not exist"),
        ]

    def test_show_their_contacts(self, brevo: httpx.Client) -> None:
        """The members come in pages of at most 500."""
        list_ = new_list(brevo)
        ids = [create(brevo, f"{name}@example.com", listIds=[list_]) for name in "abc"]
        path = f"/v3/contacts/lists/{list_}/contacts"
        page = brevo.get(f"{path}?limit=2&sort=asc").json()
        # Times are told in milliseconds, and all three may be made in one.
        while (changed := get(brevo, ids[2])["modifiedAt"]) == get(brevo, ids[1])["modifiedAt"]:
            brevo.put(f"/v3/contacts/{ids[2]}", json={"attributes": {}}).raise_for_status()
        assert (ids[:2], 3, 1, 400) == (
            [contact["id"] for contact in page["contacts"]],
            page["count"],
            brevo.get(f"{path}?modifiedSince={changed}").json()["count"],
            brevo.get(f"{path}?limit=501").status_code,
        )

    def test_split_success_from_failure(self, brevo: httpx.Client) -> None:
        """A call that changes anything is a 201 that names both; e-mails match by exact case."""
        list_, contact = new_list(brevo), create(brevo, "a@example.com", ext_id="7")
        path = f"/v3/contacts/lists/{list_}/contacts"
        added = brevo.post(f"{path}/add", json={"emails": ["a@example.com", "A@example.com"]})
        removed = brevo.post(f"{path}/remove", json={"ids": [contact, 999999]})
        again = brevo.post(f"{path}/add", json={"extIds": ["7"]})
        assert [
            (201, {"contacts": {"success": ["a@example.com"], "failure": ["A@example.com"]}}),
            (201, {"contacts": {"success": [contact], "failure": [999999]}}),
            (201, {"contacts": {"success": ["7"], "failure": []}}),
        ] == [(answer.status_code, answer.json()) for answer in (added, removed, again)]

    @pytest.mark.parametrize("verb", ["add", "remove"])
    def test_refuse_when_nobody_changes(self, brevo: httpx.Client, verb: str) -> None:
        """When every contact fails the answer is a 400."""
        path = f"/v3/contacts/lists/{new_list(brevo)}/contacts/{verb}"
        refused = brevo.post(path, json={"emails": ["nobody@example.com"]})
        message = "Contact already in list and/or does not exist"
        assert (400, error("invalid_parameter", message)) == (refused.status_code, refused.json())

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"emails": []},
            {"emails": ["a@example.com"] * 151},
            {"emails": ["a@example.com"], "ids": [1]},
            {"ids": ["1"]},
            {"emails": ["no address"]},
            {"all": True},
        ],
    )
    def test_take_1_to_150_of_one_kind(self, brevo: httpx.Client, body: dict[str, Any]) -> None:
        """Anything else than 1 to 150 contacts of one kind is a 400."""
        path = f"/v3/contacts/lists/{new_list(brevo)}/contacts/add"
        assert brevo.post(path, json=body).status_code == 400

    def test_must_exist(self, brevo: httpx.Client) -> None:
        """Adding to no list is a 404."""
        path = "/v3/contacts/lists/999999/contacts/add"
        assert brevo.post(path, json={"ids": [1]}).status_code == 404


class TestImports:
    def test_pass_through_their_states(self, new_account: NewAccount) -> None:
        """queued, in_process, processing, completed: in this order and only the last has info."""
        brevo = new_account(import_seconds=0.3)
        process = start_import(brevo, jsonBody=[{"email": "a@example.com"}])
        states = states_of(brevo, process)
        assert [s["status"] for s in states] == ["queued", "in_process", "processing", "completed"]
        assert ["info" in state for state in states] == [False, False, False, True]
        assert dict.fromkeys(REPORTS) == states[-1]["info"]["import"]

    def test_create_and_update(self, brevo: httpx.Client) -> None:
        """Rows create or update contacts and put them on the lists; unknown attributes vanish."""
        existing = create(brevo, "a@example.com", attributes={"FIRSTNAME": "Ada"})
        list_ = new_list(brevo)
        rows = [
            {"email": "A@example.com ", "attributes": {"LASTNAME": "King", "UNKNOWN": 1}},
            {"email": "b@example.com", "attributes": {"SMS": "+33611111111", "FIRSTNAME": None}},
        ]
        assert reports_of(brevo, jsonBody=rows, listIds=[list_]) == {}
        known, new = get(brevo, "a@example.com"), get(brevo, "b@example.com")
        assert [
            (existing, {"FIRSTNAME": "Ada", "LASTNAME": "King"}, [list_]),
            (new["id"], {"SMS": "33611111111"}, [list_]),
        ] == [(form["id"], form["attributes"], form["listIds"]) for form in (known, new)]

    def test_read_csv(self, brevo: httpx.Client) -> None:
        """A fileBody is CSV with semicolons, a header in any case and quotes."""
        text = 'Email;FirstName;SMS\na@example.com;"Ada; Countess";0033611111111\nwrong;Bob;\n'
        assert (reports_of(brevo, fileBody=text)) == {
            "invalid_emails": "EMAIL;EXT_ID;SMS;WHATSAPP;LANDLINE_NUMBER\nwrong;;;;\n"
        }
        assert (attributes_of(brevo, "a@example.com")) == {
            "FIRSTNAME": "Ada; Countess",
            "SMS": "33611111111",
        }

    def test_report_what_they_refuse(self, brevo: httpx.Client) -> None:
        """Wrong e-mails and identifiers of others come back as CSV; their rows are not kept."""
        create(brevo, "a@example.com", attributes={"SMS": "33611111111"}, ext_id="7")
        rows = [
            {"email": "wrong", "attributes": {"FIRSTNAME": "Wrong"}},
            {"email": "b@example.com", "attributes": {"SMS": "+33611111111", "FIRSTNAME": "Bob"}},
            {"email": "c@example.com", "attributes": {"EXT_ID": "7"}},
            {"email": "d@example.com"},
        ]
        header = "EMAIL;EXT_ID;SMS;WHATSAPP;LANDLINE_NUMBER\n"
        assert {
            "invalid_emails": f"{header}wrong;;;;\n",
            "duplicate_phone_id": f"{header}b@example.com;;+33611111111;;\n",
            "duplicate_ext_id": f"{header}c@example.com;7;;;\n",
        } == reports_of(brevo, jsonBody=rows)
        contacts = brevo.get(admin(brevo, "/contacts")).json()["contacts"]
        assert [contact["email"] for contact in contacts] == ["a@example.com", "d@example.com"]

    def test_keep_the_last_row_of_an_email(self, brevo: httpx.Client) -> None:
        """Of two rows with one e-mail the last one is stored and the first reported."""
        rows = [
            {"email": email, "attributes": {"FIRSTNAME": name}}
            for email, name in [("a@example.com", "First"), ("A@Example.com", "Last")]
        ]
        reports = reports_of(brevo, jsonBody=rows)
        assert list(reports) == ["duplicate_email_id"]
        assert reports["duplicate_email_id"].splitlines()[1] == "a@example.com;;;;"
        assert attributes_of(brevo, "a@example.com") == {"FIRSTNAME": "Last"}

    def test_match_by_the_first_identifier(self, brevo: httpx.Client) -> None:
        """Rows without an e-mail find their contact by own id or phone."""
        contact = create(brevo, "a@example.com", ext_id="7", attributes={"SMS": "33611111111"})
        rows = [
            {"attributes": {"EXT_ID": "7", "FIRSTNAME": "Ada", "SMS": "33622222222"}},
            {"attributes": {"WHATSAPP": "33633333333"}},
        ]
        assert reports_of(brevo, jsonBody=rows) == {}
        assert (attributes_of(brevo, contact)) == {
            "EXT_ID": "7",
            "FIRSTNAME": "Ada",
            "SMS": "33622222222",
        }
        assert brevo.get("/v3/contacts").json()["count"] == 2

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, {"FIRSTNAME": "Ada", "LASTNAME": "King", "SMS": "33611111111"}),
            ({"emptyContactsAttributes": True}, {"LASTNAME": "King"}),
            (
                {"emptyContactsAttributes": True, "updateExistingContacts": False},
                {"FIRSTNAME": "Ada", "SMS": "33611111111"},
            ),
        ],
    )
    def test_clear_and_update_only_if_told(
        self, brevo: httpx.Client, options: dict[str, bool], expected: dict[str, str]
    ) -> None:
        """Empty values erase with emptyContactsAttributes, if existing contacts are updated."""
        create(brevo, "a@example.com", attributes={"FIRSTNAME": "Ada", "SMS": "33611111111"})
        row = {"FIRSTNAME": "", "SMS": None, "LASTNAME": "King"}
        reports_of(brevo, jsonBody=[{"email": "a@example.com", "attributes": row}], **options)
        assert expected == attributes_of(brevo, "a@example.com")

    def test_blacklist_everybody_or_nobody(self, brevo: httpx.Client) -> None:
        """A true emailBlacklist blocks all rows; a false one leaves every flag as it was."""
        create(brevo, "a@example.com")
        rows = [{"email": "a@example.com"}, {"email": "b@example.com"}]
        reports_of(brevo, jsonBody=rows, emailBlacklist=True, disableNotification=True)
        reports_of(brevo, jsonBody=rows, emailBlacklist=False)
        assert [get(brevo, row["email"])["emailBlacklisted"] for row in rows] == [True, True]

    def test_make_a_new_list(self, brevo: httpx.Client) -> None:
        """A newList is created in its folder and joined by the rows."""
        folder = brevo.get("/v3/contacts/folders").json()["folders"][0]["id"]
        new = {"listName": "Fresh", "folderId": folder}
        reports_of(brevo, jsonBody=[{"email": "a@example.com"}], newList=new)
        (list_,) = brevo.get(admin(brevo, "/summary")).json()["lists"]
        assert (list_["name"], list_["members"]) == ("Fresh", 1)

    @pytest.mark.parametrize(
        ("body", "start"),
        [
            ({"jsonBody": [{"email": "a@example.com"}]}, "listIds or newList is missing"),
            ({"listIds": [1]}, "Exactly one of"),
            (
                {"jsonBody": [{"email": "a@example.com"}], "fileBody": "EMAIL", "listIds": [1]},
                "Exactly one of",
            ),
            ({"fileUrl": "https://example.com/a.csv"}, "the local Brevo does not take fileUrl"),
            ({"jsonBody": [{"email": "wrong"}]}, "We could not find any valid email or SMS or"),
            ({"fileBody": "EMAIL NAME\na@example.com Ada"}, "We could not find any valid email"),
            ({"jsonBody": [{"email": "a@example.com"}], "listIds": [999999]}, "List ID does not"),
            (
                {
                    "jsonBody": [{"email": "a@example.com"}],
                    "newList": {"listName": "A", "folderId": 999999},
                },
                "Folder ID does not exist",
            ),
        ],
    )
    def test_refuse_at_once(self, brevo: httpx.Client, body: dict[str, Any], start: str) -> None:
        """What makes the whole import useless is a 400, and no process begins."""
        refused = brevo.post("/v3/contacts/import", json=body)
        assert (400, start) == (refused.status_code, refused.json()["message"][: len(start)])
        assert brevo.get("/v3/processes").json()["count"] == 0

    def test_refuse_more_than_10_megabytes(self, brevo: httpx.Client) -> None:
        """The limit is on the bytes of the request, blanks included."""
        body = json.dumps({"jsonBody": [{"email": "a@example.com"}], "listIds": [new_list(brevo)]})
        sizes = (10_000_000, 10_000_001)
        assert [
            brevo.post("/v3/contacts/import", content=body.ljust(size)).status_code
            for size in sizes
        ] == [202, 400]

    def test_are_listed_as_processes(self, brevo: httpx.Client) -> None:
        """The newest process comes first, at most 50 at once; an unknown one is a 404."""
        ids = [start_import(brevo, jsonBody=[{"email": "a@example.com"}]) for _ in range(3)]
        newest = brevo.get("/v3/processes?limit=2").json()
        oldest = brevo.get("/v3/processes?limit=1&sort=asc").json()
        assert (3, ids[:0:-1], ids[:1]) == (
            newest["count"],
            [process["id"] for process in newest["processes"]],
            [process["id"] for process in oldest["processes"]],
        )
        absent = brevo.get("/v3/processes/999999")
        assert (400, 404, error("invalid_parameter", "processId is invalid")) == (
            brevo.get("/v3/processes?limit=51").status_code,
            absent.status_code,
            absent.json(),
        )

    def test_leave_the_server_answering(self, brevo: httpx.Client) -> None:
        """GETs are answered while a large import is applied, and see all of it or nothing."""
        rows = [{"email": f"{n}@example.com", "attributes": {"FIRSTNAME": n}} for n in range(23000)]
        process = start_import(brevo, jsonBody=rows)
        counts, moments = [0], [time.monotonic()]
        while counts[-1] == 0:
            counts.append(brevo.get("/v3/contacts?limit=1").json()["count"])
            moments.append(time.monotonic())
        assert (
            counts[-1],
            max(after - before for before, after in pairwise(moments)) < 1,
            states_of(brevo, process)[-1]["status"],
        ) == (23000, True, "completed")


class TestRateLimits:
    def test_count_down_and_refuse(self, new_account: NewAccount) -> None:
        """The 11th contacts call of a second is a 429 that tells the seconds to wait, once."""
        brevo = new_account(rate_limits=True)
        answers = [brevo.get("/v3/contacts?limit=1") for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        headers = answers[-1].headers
        assert tuple(
            headers[f"x-sib-ratelimit-{name}"] for name in ("limit", "remaining", "reset")
        ) == ("10", "0", "1")
        assert "retry-after" not in headers
        assert {"code", "message"} == set(answers[-1].json())

    @pytest.mark.parametrize(
        ("plan", "contacts", "others"),
        [("general", "10", "100"), ("advanced", "20", "200"), ("extended", "60", "600")],
    )
    def test_follow_the_plan(
        self, new_account: NewAccount, plan: str, contacts: str, others: str
    ) -> None:
        """Contacts have requests per second, all others per hour, in separate buckets."""
        brevo = new_account(rate_limits=True, plan=plan)
        paths = ["/v3/contacts/attributes", "/v3/events", "/v3/account", "/v3/processes"]
        headers = [brevo.get(path).headers for path in paths]
        assert [contacts, contacts, others, others] == [
            header["x-sib-ratelimit-limit"] for header in headers
        ]
        assert int(others) - 2 == int(headers[-1]["x-sib-ratelimit-remaining"])
        assert 3590 < int(headers[-1]["x-sib-ratelimit-reset"]) <= 3600

    def test_can_be_switched(self, new_account: NewAccount) -> None:
        """An hour's hundred requests can be given back by switching the limits off."""
        brevo = new_account(rate_limits=True)
        statuses = [brevo.get("/v3/account").status_code for _ in range(101)]
        brevo.patch(admin(brevo), json={"rate_limits": False})
        free = brevo.get("/v3/account")
        assert (
            statuses[-2:],
            free.status_code,
            "x-sib-ratelimit-limit" in free.headers,
        ) == ([200, 429], 200, False)


class TestFaults:
    def test_answer_instead(self, brevo: httpx.Client) -> None:
        """A status strikes as often as declared, on its method and path, and nothing is done."""
        declare(brevo, {"method": "POST", "path": "/v3/contacts", "status": 503, "times": 2})
        body = {"email": "a@example.com"}
        assert brevo.get("/v3/contacts").json()["count"] == 0
        assert [brevo.post("/v3/contacts", json=body).status_code for _ in range(3)] == [
            503,
            503,
            201,
        ]

    def test_lose_the_answer(self, brevo: httpx.Client) -> None:
        """`after` carries the request out and answers with the status all the same."""
        declare(brevo, {"method": "POST", "path": "/v3/contacts", "status": 524, "after": True})
        lost = brevo.post("/v3/contacts", json={"email": "a@example.com"})
        assert (
            lost.status_code,
            lost.headers["content-type"],
            brevo.get("/v3/contacts").json()["count"],
        ) == (524, "text/html; charset=utf-8", 1)

    @pytest.mark.parametrize("status", ["failed", "cancelled"])
    def test_end_an_import(self, brevo: httpx.Client, status: str) -> None:
        """The next import ends as declared and stores nothing; the one after it is well."""
        declare(brevo, {"import_status": status})
        ends = []
        for email in ("a@example.com", "b@example.com"):
            process = start_import(brevo, jsonBody=[{"email": email}])
            ends.append(states_of(brevo, process)[-1]["status"])
        assert ([status, "completed"], 404, 200) == (
            ends,
            brevo.get("/v3/contacts/a@example.com").status_code,
            brevo.get("/v3/contacts/b@example.com").status_code,
        )

    def test_hold_an_import(self, brevo: httpx.Client) -> None:
        """An import that stays queued is overtaken by the next one."""
        declare(brevo, {"import_stays": "queued"})
        stuck = start_import(brevo, jsonBody=[{"email": "a@example.com"}])
        states_of(brevo, start_import(brevo, jsonBody=[{"email": "b@example.com"}]))
        assert {"id": stuck, "name": "IMPORTUSER", "status": "queued"} == (
            brevo.get(f"/v3/processes/{stuck}").json()
        )

    def test_report_a_good_row(self, brevo: httpx.Client) -> None:
        """A declared report names the row and keeps it out, though nothing is wrong with it."""
        declare(brevo, {"report": {"invalid_emails": ["a@example.com"]}})
        rows = [{"email": "a@example.com"}, {"email": "b@example.com"}]
        assert "a@example.com" in reports_of(brevo, jsonBody=rows)["invalid_emails"]
        assert brevo.get("/v3/contacts").json()["count"] == 1

    def test_block_the_address(self, brevo: httpx.Client) -> None:
        """A blocked address gets the documented 401 until the fault is taken back."""
        declare(brevo, {"ip_blocked": "1.2.3.4"})
        blocked = brevo.get("/v3/account")
        declare(brevo)
        assert (
            blocked.status_code,
            blocked.json()["code"],
            "unrecognised IP address 1.2.3.4." in blocked.json()["message"],
            brevo.get("/v3/account").status_code,
        ) == (401, "unauthorized", True, 200)

    @pytest.mark.parametrize(
        "fault",
        [
            {},
            {"status": 200},
            {"status": 503, "import_status": "failed"},
            {"import_status": "completed"},
            {"report": {"wrong": []}},
            {"ip_blocked": "1.2.3.4", "times": 1},
        ],
    )
    def test_must_be_declared_well(self, brevo: httpx.Client, fault: dict[str, Any]) -> None:
        """A fault that could never strike is refused."""
        assert brevo.patch(admin(brevo), json={"faults": [fault]}).status_code == 400


class TestAdmin:
    def test_logs_requests(self, brevo: httpx.Client) -> None:
        """Each request to /v3 is logged with its status, size and the digest of its body."""
        before = time.time()
        body = b'{"email":"a@example.com"}'
        brevo.post("/v3/contacts", content=body)
        brevo.get("/v3/contacts/b%40example.com?identifierType=email_id")
        posted, got = brevo.get(admin(brevo, "/requests")).json()["requests"]
        assert before <= posted.pop("at") <= time.time()
        assert posted == {
            "method": "POST",
            "path": "/v3/contacts",
            "query": "",
            "status": 201,
            "request_bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        assert (
            got["path"],
            got["query"],
            got["status"],
        ) == ("/v3/contacts/b%40example.com", "identifierType=email_id", 404)

    def test_shows_contacts_by_email(self, brevo: httpx.Client) -> None:
        """Contacts are shown in full, ordered by e-mail, in pages."""
        for name in "cab":
            create(brevo, f"{name}@example.com")
        page = brevo.get(admin(brevo, "/contacts?limit=2&offset=1")).json()["contacts"]
        assert [contact["email"] for contact in page] == ["b@example.com", "c@example.com"]
        assert {"id", "attributes", "listIds", "createdAt"} <= set(page[0])

    def test_sums_up(self, brevo: httpx.Client) -> None:
        """The summary counts what the account has and what was asked of it."""
        list_ = new_list(brevo)
        create(brevo, "a@example.com", listIds=[list_])
        brevo.get("/v3/contacts/b@example.com")
        assert brevo.get(admin(brevo, "/summary")).json() == {
            "contacts": 1,
            "lists": [{"id": list_, "name": "High value", "members": 1}],
            "attributes": 6,
            "processes": 0,
            "requests": {"200": 1, "201": 2, "404": 1},
        }

    @pytest.mark.parametrize("setting", [{"plan": "gold"}, {"import_seconds": -1}, {"speed": 1}])
    def test_refuses_unknown_settings(self, brevo: httpx.Client, setting: dict[str, Any]) -> None:
        """A setting that does not exist, or cannot be so, is a 400."""
        assert brevo.patch(admin(brevo), json=setting).status_code == 400
