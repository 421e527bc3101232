"""What is open in Brevo's documents, and an account can be told."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    NewAccount,
    attributes_of,
    create,
    new_attribute,
    new_list,
    reports_of,
)


def post(brevo: httpx.Client, **attributes: Any) -> httpx.Response:
    body = {"email": "a@example.com", "attributes": attributes, "updateEnabled": True}
    return brevo.post("/v3/contacts", json=body)


@pytest.mark.parametrize("code", ["duplicate_parameter", "invalid_parameter"])
def test_the_code_of_a_duplicate(new_account: NewAccount, code: str) -> None:
    """One clash has had two codes; the metadata says the same in both."""
    brevo = new_account(duplicate_code=code)
    create(brevo, "a@example.com", attributes={"SMS": "33611111111"})
    body = {"email": "b@example.com", "attributes": {"SMS": "33611111111"}}
    refused = brevo.post("/v3/contacts", json=body).json()
    assert (code, {"duplicate_identifiers": ["SMS"]}) == (refused["code"], refused["metadata"])


@pytest.mark.parametrize(("rule", "status"), [("ignore", 201), ("refuse", 400)])
def test_unknown_attributes(new_account: NewAccount, rule: str, status: int) -> None:
    """A row call ignores or refuses an attribute that the account lacks; an import ignores it."""
    brevo = new_account(unknown_attribute=rule)
    assert status == post(brevo, NOBODY="x").status_code
    assert reports_of(brevo, jsonBody=[{"email": "a@b.com", "attributes": {"NOBODY": "x"}}]) == {}


@pytest.mark.parametrize(
    ("rule", "statuses"),
    [("ignore", [201, 204]), ("refuse_dates", [400, 201]), ("refuse", [400, 400])],
)
def test_wrong_values(new_account: NewAccount, rule: str, statuses: list[int]) -> None:
    """A row call ignores or refuses what does not fit, a date or any value."""
    brevo = new_account(wrong_value=rule)
    new_attribute(brevo, "BORN", type="date")
    new_attribute(brevo, "LTV", type="float")
    answers = [post(brevo, BORN="soon"), post(brevo, LTV="much")]
    assert statuses == [answer.status_code for answer in answers]


@pytest.mark.parametrize("route", ["row", "import"])
def test_values_that_are_not_kept_as_sent(new_account: NewAccount, route: str) -> None:
    """A value can be ignored, or a date read in another order, without a word."""
    brevo = new_account(ignored_attributes=["FIRSTNAME"], swapped_dates=True)
    new_attribute(brevo, "BORN", type="date")
    sent = {"FIRSTNAME": "Ada", "LASTNAME": "King", "BORN": "2026-02-01"}
    if route == "row":
        assert post(brevo, **sent).status_code == 201
    else:
        reports_of(brevo, jsonBody=[{"email": "a@example.com", "attributes": sent}])
    assert {"LASTNAME": "King", "BORN": "2026-01-02"} == attributes_of(brevo, "a@example.com")


class TestContactsBatch:
    @pytest.mark.parametrize(("rule", "status"), [(404, 404), (410, 410), ("works", 204)])
    def test_is_gone_unless_told(
        self, new_account: NewAccount, rule: str | int, status: int
    ) -> None:
        """The deprecated call can still work; what it answers when gone is not known."""
        brevo = new_account(contacts_batch=rule)
        create(brevo, "a@example.com")
        item = {"email": "a@example.com", "listIds": [new_list(brevo)], "ext_id": "7"}
        assert status == brevo.post("/v3/contacts/batch", json={"contacts": [item]}).status_code
        expected = {"EXT_ID": "7"} if rule == "works" else {}
        assert expected == attributes_of(brevo, "a@example.com")

    def test_updates_all_or_none(self, new_account: NewAccount) -> None:
        """One contact that is not there refuses them all."""
        brevo = new_account(contacts_batch="works")
        create(brevo, "a@example.com")
        named = [
            {"email": email, "attributes": {"FIRSTNAME": "Ada"}}
            for email in ("a@example.com", "b@example.com")
        ]
        refused = brevo.post("/v3/contacts/batch", json={"contacts": named})
        assert (404, {}) == (refused.status_code, attributes_of(brevo, "a@example.com"))
