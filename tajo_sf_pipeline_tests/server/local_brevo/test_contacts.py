"""``/v3/contacts`` of the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    attributes_of,
    create,
    error,
    get,
    new_attribute,
    new_list,
)

_NO_IDS = "List IDs must be an array of integers"


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
            ({"email": "a@example.com", "listIds": "1"}, "invalid_parameter", _NO_IDS),
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

    def test_are_merged_by_force(self, brevo: httpx.Client) -> None:
        """Of those that clash the one modified last is kept, and getId tells which that is."""
        create(brevo, "a@example.com", ext_id="7", emailBlacklisted=True)
        kept = create(brevo, "b@example.com", attributes={"FIRSTNAME": "Bob"})
        while get(brevo, kept)["modifiedAt"] == get(brevo, "a@example.com")["modifiedAt"]:
            brevo.put(f"/v3/contacts/{kept}", json={}).raise_for_status()
        body = {"email": "b@example.com", "ext_id": "7", "forceMerge": True, "getId": True}
        merged = brevo.post("/v3/contacts", json=body)
        assert (200, {"id": kept}) == (merged.status_code, merged.json())
        assert attributes_of(brevo, kept) == {"FIRSTNAME": "Bob", "EXT_ID": "7"}
        assert brevo.get("/v3/contacts").json()["count"] == 1

    @pytest.mark.parametrize(
        ("attribute", "text"),
        [("FIRSTNAME", "Ada"), ("VIP", "true"), ("LTV", "5"), ("EXT_ID", "7")],
    )
    def test_are_found_by_an_equal_value(
        self, brevo: httpx.Client, attribute: str, text: str
    ) -> None:
        """filter=equals(ATTRIBUTE,"value") compares the text of a value."""
        new_attribute(brevo, "VIP", type="boolean")
        new_attribute(brevo, "LTV", type="float")
        mine = {"FIRSTNAME": "Ada", "VIP": True, "LTV": 5}
        contact = create(brevo, "a@example.com", attributes=mine, ext_id="7")
        create(brevo, "b@example.com", attributes={"FIRSTNAME": "Bob", "VIP": False, "LTV": 6})
        query = {"filter": f'equals({attribute},"{text}")'}
        found = brevo.get("/v3/contacts", params=query).json()["contacts"]
        assert [contact] == [form["id"] for form in found]

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
            ("filter=like(FIRSTNAME)", "invalid_parameter"),
        ],
    )
    def test_refuse_a_wrong_query(self, brevo: httpx.Client, query: str, code: str) -> None:
        """Each limit of the listing is enforced; a raw + is a blank and makes no time zone."""
        refused = brevo.get(f"/v3/contacts?{query}")
        assert (400, code) == (refused.status_code, refused.json()["code"])
