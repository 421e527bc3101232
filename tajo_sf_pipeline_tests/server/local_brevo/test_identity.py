"""What identifies a contact belongs to one alone, however the local Brevo is written to."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    NewAccount,
    admin,
    attributes_of,
    create,
    get,
    reports_of,
)

TYPES = ["ext_id", "email_id", "phone_id", "whatsapp_id", "landline_number_id", "contact_id"]
PHONES = {"SMS": "33611111111", "WHATSAPP": "33622222222", "LANDLINE_NUMBER": "33633333333"}
OF = [("ext_id", "7"), *PHONES.items()]


@pytest.mark.parametrize("type_", TYPES)
def test_an_address_is_changed_under_each_identifier(brevo: httpx.Client, type_: str) -> None:
    """PUT finds the contact by its type, and attributes.EMAIL is its new address."""
    contact = create(brevo, "old@example.com", ext_id="7", attributes=PHONES)
    values = ["7", "old@example.com", *PHONES.values(), str(contact)]
    value = dict(zip(TYPES, values, strict=True))[type_]
    changed = brevo.put(
        f"/v3/contacts/{value}?identifierType={type_}",
        json={"attributes": {"EMAIL": "New@example.com"}},
    )
    assert (204, b"") == (changed.status_code, changed.content)
    assert (contact, PHONES | {"EXT_ID": "7"}) == (
        get(brevo, "new@example.com")["id"],
        attributes_of(brevo, contact),
    )
    assert brevo.get("/v3/contacts/old@example.com").status_code == 404


def test_an_unknown_type_is_refused(brevo: httpx.Client) -> None:
    """A type that is not documented is a 400, one without a contact a 404."""
    create(brevo, "a@example.com", ext_id="7")
    statuses = [
        brevo.put(f"/v3/contacts/{path}", json={}).status_code
        for path in ("7?identifierType=own", "8?identifierType=ext_id", "7?identifierType=phone_id")
    ]
    assert [400, 404, 400] == statuses


@pytest.mark.parametrize(("name", "value"), [("EMAIL", "a@example.com"), *OF])
def test_an_identifier_of_another_is_refused(brevo: httpx.Client, name: str, value: str) -> None:
    """Each is named in the metadata, by PUT and by POST; an address too, by whatever key."""
    create(brevo, "a@example.com", ext_id="7", attributes=PHONES)
    create(brevo, "b@example.com", ext_id="8")
    documented = "email" if name == "EMAIL" else name
    put = brevo.put("/v3/contacts/8?identifierType=ext_id", json={"attributes": {name: value}})
    assert (400, "duplicate_parameter", {"duplicate_identifiers": [documented]}) == (
        put.status_code,
        put.json()["code"],
        put.json()["metadata"],
    )
    assert "b@example.com" == get(brevo, "b@example.com")["email"]


def test_a_swap_needs_a_parking_place(brevo: httpx.Client) -> None:
    """Neither of two contacts can take what the other one has; through a third value they can."""
    create(brevo, "a@example.com", attributes={"SMS": "33611111111"})
    create(brevo, "b@example.com", attributes={"SMS": "33622222222"})

    def take(contact: str, number: str) -> int:
        body = {"attributes": {"SMS": number}}
        return brevo.put(f"/v3/contacts/{contact}@example.com", json=body).status_code

    assert [400, 400] == [take("a", "33622222222"), take("b", "33611111111")]
    assert [204, 204, 204] == [take("a", ""), take("b", "33611111111"), take("a", "33622222222")]


def test_a_duplicate_may_name_nothing(new_account: NewAccount) -> None:
    """The metadata is only sometimes there."""
    brevo = new_account(duplicate_metadata=False)
    create(brevo, "a@example.com")
    refused = brevo.post("/v3/contacts", json={"email": "a@example.com"})
    assert {"code", "message"} == set(refused.json())


@pytest.mark.parametrize("identifier", OF)
@pytest.mark.parametrize(
    ("winner", "loser", "expected"),
    [
        ("last", "refuse_row", {"c@example.com": True}),
        ("first", "refuse_row", {"b@example.com": True}),
        ("last", "lose_identifier", {"b@example.com": False, "c@example.com": True}),
        ("first", "lose_identifier", {"b@example.com": True, "c@example.com": False}),
    ],
)
def test_one_row_of_an_import_keeps_an_identifier(
    new_account: NewAccount,
    identifier: tuple[str, str],
    winner: str,
    loser: str,
    expected: dict[str, bool],
) -> None:
    """Which one, and what becomes of the other, is a setting; the report names the other."""
    name, value = identifier
    brevo = new_account(import_winner=winner, import_loser=loser)
    rows = [
        {"email": f"{who}@example.com", "attributes": {name: value, "FIRSTNAME": who}}
        for who in "bc"
    ]
    (report,) = reports_of(brevo, jsonBody=rows).values()
    assert ("b" if winner == "last" else "c") == report.splitlines()[1][0]
    contacts = brevo.get(admin(brevo, "/contacts")).json()["contacts"]
    assert expected == {form["email"]: name.upper() in form["attributes"] for form in contacts}
    assert all("FIRSTNAME" in form["attributes"] for form in contacts)


@pytest.mark.parametrize(("name", "value"), OF)
@pytest.mark.parametrize("loser", ["refuse_row", "lose_identifier"])
def test_a_contact_keeps_its_identifier_against_an_import(
    new_account: NewAccount, name: str, value: str, loser: str
) -> None:
    """The row that would take it is reported; it is refused whole, or stored without it."""
    brevo = new_account(import_loser=loser)
    create(brevo, "a@example.com", attributes={name: value})
    create(brevo, "b@example.com")
    rows = [
        {"email": f"{who}@example.com", "attributes": {name: value, "FIRSTNAME": who}}
        for who in "bc"
    ]
    (report,) = reports_of(brevo, jsonBody=rows).values()
    assert 3 == len(report.splitlines())
    assert name.upper() in attributes_of(brevo, "a@example.com")
    forms = brevo.get(admin(brevo, "/contacts")).json()["contacts"]
    attributes: dict[str, Any] = {form["email"]: form["attributes"] for form in forms}
    if loser == "refuse_row":
        assert {} == attributes["b@example.com"]
        assert "c@example.com" not in attributes
    else:
        assert [{"FIRSTNAME": "b"}, {"FIRSTNAME": "c"}] == [
            attributes[f"{who}@example.com"] for who in "bc"
        ]


def test_of_two_rows_of_one_address_one_is_stored(new_account: NewAccount) -> None:
    """A row that loses its address has lost everything, whatever the setting."""
    brevo = new_account(import_winner="first", import_loser="lose_identifier")
    rows = [{"email": "a@example.com", "attributes": {"FIRSTNAME": name}} for name in ("A", "B")]
    assert ["duplicate_email_id"] == list(reports_of(brevo, jsonBody=rows))
    assert {"FIRSTNAME": "A"} == attributes_of(brevo, "a@example.com")
