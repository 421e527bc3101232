"""Answers of the local Brevo that are evidence of nothing: pages, other shapes, broken reports."""

import csv
import io
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    NewAccount,
    admin,
    attributes_of,
    create,
    declare,
    get,
    new_attribute,
    new_list,
    reports_of,
    start_import,
    states_of,
)

PAGE = "<html><body>Sign in</body></html>"


@pytest.mark.parametrize(("after", "name"), [(False, "Old"), (True, "New")])
def test_a_put_is_answered_by_a_page(brevo: httpx.Client, after: bool, name: str) -> None:
    """200 with HTML, whether the write was carried out or not; the next one is well."""
    create(brevo, "a@example.com", attributes={"FIRSTNAME": "Old"})
    answer = {"status": 200, "text": PAGE}
    declare(brevo, {"answer": answer, "method": "PUT", "path": "/v3/contacts/*", "after": after})
    change = {"attributes": {"FIRSTNAME": "New"}}
    answered = brevo.put("/v3/contacts/a@example.com", json=change)
    assert (200, PAGE, "text/html; charset=utf-8") == (
        *(answered.status_code, answered.text, answered.headers["content-type"]),
    )
    assert {"FIRSTNAME": name} == attributes_of(brevo, "a@example.com")
    assert brevo.put("/v3/contacts/a@example.com", json=change).status_code == 204


@pytest.mark.parametrize("answer", [{}, {"json": {}}, {"json": {"contacts": {}}}])
def test_a_removal_is_answered_by_nothing(brevo: httpx.Client, answer: dict[str, Any]) -> None:
    """200 with an empty body, or with nothing inside, and nobody was taken off."""
    list_ = new_list(brevo)
    create(brevo, "a@example.com", listIds=[list_])
    declare(brevo, {"answer": answer, "path": "/v3/contacts/lists/*"})
    path = f"/v3/contacts/lists/{list_}/contacts/remove"
    answered = brevo.post(path, json={"emails": ["a@example.com"]})
    assert (200, answer.get("json")) == (
        answered.status_code,
        answered.json() if answered.content else None,
    )
    assert [list_] == get(brevo, "a@example.com")["listIds"]


@pytest.mark.parametrize("status", [302, 307])
def test_a_post_is_redirected_to_another_host(brevo: httpx.Client, status: int) -> None:
    """The address is the one that was declared, and nothing is carried out."""
    away = {"status": status, "headers": {"location": "http://other.example/v3/contacts"}}
    declare(brevo, {"answer": away, "method": "POST"})
    answered = brevo.post("/v3/contacts", json={"email": "a@example.com"})
    assert (status, "http://other.example/v3/contacts", 0) == (
        *(answered.status_code, answered.headers["location"]),
        brevo.get("/v3/contacts").json()["count"],
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("list", [{"id": 7}]),
        ("object", {}),
        ("null", None),
        ("number", 42),
        ("string", '{"id":7}'),
        ("true", True),
        ("nulls", {"id": None}),
        ("wrong_types", {"id": "7"}),
    ],
)
def test_json_of_another_shape(brevo: httpx.Client, shape: str, expected: object) -> None:
    """A request is carried out, and its answer is JSON that no document has."""
    declare(brevo, {"reshape": shape, "path": "/v3/contacts"})
    answered = brevo.post("/v3/contacts", json={"email": "a@example.com"})
    made = get(brevo, "a@example.com")["id"]
    text = answered.text.replace(str(made), "7")
    assert (201, "application/json") == (answered.status_code, answered.headers["content-type"])
    assert expected == httpx.Response(200, text=text).json()


@pytest.mark.parametrize("shape", ["empty", "truncated"])
def test_json_that_is_none(brevo: httpx.Client, shape: str) -> None:
    """An answer says that it is JSON and cannot be read."""
    declare(brevo, {"reshape": shape})
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        brevo.get("/v3/account").json()


def test_an_empty_answer_may_have_a_body(brevo: httpx.Client) -> None:
    """A 204 becomes a 200 with the shape: PUT answers [null] and the like."""
    create(brevo, "a@example.com")
    declare(brevo, {"reshape": "list", "method": "PUT"})
    answered = brevo.put("/v3/contacts/a@example.com", json={})
    assert (200, [None]) == (answered.status_code, answered.json())


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v3/contacts", {"email": "b@example.com"}, "id"),
        ("GET", "/v3/contacts/a@example.com", None, "emailBlacklisted"),
        ("GET", "/v3/contacts", None, "contacts.email"),
        ("GET", "/v3/contacts/lists", None, "lists.name"),
        ("GET", "/v3/contacts/folders", None, "folders"),
        ("GET", "/v3/contacts/attributes", None, "attributes.type"),
        ("GET", "/v3/processes", None, "processes.status"),
        ("POST", "/v3/contacts/import", {"jsonBody": [{"email": "c@example.com"}]}, "processId"),
        ("POST", "/v3/contacts/lists/{list}/contacts/add", {"emails": ["a@example.com"]}, ""),
        ("POST", "/v3/events/batch", {"events": []}, "status"),
    ],
)
def test_a_field_is_missing(
    new_account: NewAccount, method: str, path: str, body: dict[str, Any] | None, field: str
) -> None:
    """The field at a path is gone from the answer, in each item of an array; the rest is there."""
    brevo = new_account(import_needs_list=False)
    list_ = new_list(brevo)
    create(brevo, "a@example.com")
    start_import(brevo, jsonBody=[{"email": "a@example.com"}])
    path, field = path.format(list=list_), field or "contacts.success"
    declare(brevo, {"drop": field, "method": method, "path": path})
    answered = brevo.request(method, path, json=body).json()
    *parents, name = field.split(".")
    places = [answered]
    for parent in parents:
        found = [place[parent] for place in places]
        places = [item for one in found for item in (one if isinstance(one, list) else [one])]
    assert places
    assert all(name not in place for place in places)


REFUSED = [{"email": "wrong"}, {"email": "äußerst falsch"}]


def report(brevo: httpx.Client, body: str) -> httpx.Response:
    """Import two rows that are refused, and fetch the report of them in a declared form."""
    declare(brevo, {"report_body": body})
    process = states_of(brevo, start_import(brevo, jsonBody=[*REFUSED, {"email": "a@b.com"}]))[-1]
    url = process["info"]["import"]["invalid_emails"]
    return httpx.get(url).raise_for_status()


def cells(text: str, delimiter: str = ";") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


class TestReports:
    def test_are_a_page(self, brevo: httpx.Client) -> None:
        """200, HTML, and nothing of the rows; asked again, it is the report."""
        page = report(brevo, "html")
        assert ("text/html; charset=utf-8", True) == (
            page.headers["content-type"],
            page.text.startswith("<!DOCTYPE html>"),
        )
        assert "wrong;;;;" in httpx.get(page.url).text

    @pytest.mark.parametrize(
        ("body", "start"),
        [
            ("json", b"{"),
            ("empty", b""),
            ("header_only", b"EMAIL;EXT_ID;SMS;WHATSAPP;LANDLINE_NUMBER"),
            ("no_header", b"wrong;;;;"),
            ("stray_quote", b'EMAIL;EXT_ID;SMS;WHATSAPP;LANDLINE_NUMBER\n"wrong;'),
            ("comma", b"EMAIL,EXT_ID"),
            ("tab", b"EMAIL\tEXT_ID"),
            ("crlf", b"EMAIL;EXT_ID;SMS;WHATSAPP;LANDLINE_NUMBER\r\n"),
            ("nul", b"EMAIL\0;"),
            ("utf-8-bom", b"\xef\xbb\xbfEMAIL;"),
            ("utf-16", b"\xff\xfeE\0M\0"),
            ("latin-1", b"EMAIL;"),
            ("latin-1-bom", b"\xef\xbb\xbfEMAIL;"),
        ],
    )
    def test_begin_otherwise(self, brevo: httpx.Client, body: str, start: bytes) -> None:
        """Each form is a 200 whose first bytes are another report's, or none's."""
        content = report(brevo, body).content
        assert start == content[: len(start)]
        if body in {"empty", "header_only"}:
            assert len(start) == len(content)

    @pytest.mark.parametrize(
        ("body", "encoding"), [("utf-16", "utf-16"), ("latin-1", "latin-1"), ("utf-8-bom", "utf-8")]
    )
    def test_are_encoded_otherwise(self, brevo: httpx.Client, body: str, encoding: str) -> None:
        """They hold letters that show it: bytes that UTF-8 does not have, unless it is that."""
        content = report(brevo, body).content
        assert "refusée" in content.decode(encoding)
        if encoding != "utf-8":
            with pytest.raises(UnicodeDecodeError):
                content.decode()

    def test_have_a_cell_that_is_too_large(self, brevo: httpx.Client) -> None:
        """One cell is more than 128 KiB, which Python's own reader refuses."""
        with pytest.raises(csv.Error, match="field larger than field limit"):
            cells(report(brevo, "huge_cell").text)

    def test_are_cut_off(self, brevo: httpx.Client) -> None:
        """The last row, and the newline that ends it, are not all there."""
        content = report(brevo, "truncated").text
        assert not content.endswith("\n")
        assert "äußerst falsch;;;;" not in content

    def test_name_nobody_whom_we_know(self, brevo: httpx.Client) -> None:
        """As many rows as were refused, all of a stranger."""
        _, *rows = cells(report(brevo, "strangers").text)
        assert [["nobody-whom-you-sent@stranger.example", "", "", "", ""]] * 2 == rows


@pytest.mark.parametrize("kind", ["boolean", "date"])
def test_an_account_drops_a_type_on_import(new_account: NewAccount, kind: str) -> None:
    """Its values are dropped without a word, and what was stored stays; row calls keep them."""
    brevo = new_account(import_ignored_types=[kind])
    values: dict[str, Any] = {"boolean": True, "date": "2026-02-01"}
    for name in values:
        new_attribute(brevo, name.upper(), type=name)
    sent = {name.upper(): value for name, value in values.items()}
    row = {"email": "a@example.com", "attributes": sent | {"FIRSTNAME": "Ada"}}
    assert {} == reports_of(brevo, jsonBody=[row])
    kept = {name: value for name, value in sent.items() if name != kind.upper()}
    assert kept | {"FIRSTNAME": "Ada"} == attributes_of(brevo, "a@example.com")
    brevo.put("/v3/contacts/a@example.com", json={"attributes": sent}).raise_for_status()
    assert sent | {"FIRSTNAME": "Ada"} == attributes_of(brevo, "a@example.com")


@pytest.mark.parametrize(
    "fault",
    [
        {"answer": {"status": 100}},
        {"answer": {"status": 204, "json": {}}},
        {"answer": {"json": {}, "text": ""}},
        {"answer": {"headers": {"location": 1}}},
        {"answer": "html"},
        {"reshape": "circle"},
        {"reshape": ["list"]},
        {"drop": ""},
        {"report_body": "gone"},
        {"report_body": "html", "path": "/reports/*"},
    ],
)
def test_faults_must_be_declared_well(brevo: httpx.Client, fault: dict[str, Any]) -> None:
    """What could never strike is refused."""
    assert brevo.patch(admin(brevo), json={"faults": [fault]}).status_code == 400


@pytest.mark.parametrize(
    "setting",
    [
        {"email_change_unblocks": ["fax"]},
        {"import_false_flags": "maybe"},
        {"import_winner": "both"},
        {"import_loser": 1},
        {"import_ignored_types": ["colour"]},
    ],
)
def test_settings_must_be_what_they_may_be(brevo: httpx.Client, setting: dict[str, Any]) -> None:
    """A reading that does not exist is refused."""
    assert brevo.patch(admin(brevo), json=setting).status_code == 400
