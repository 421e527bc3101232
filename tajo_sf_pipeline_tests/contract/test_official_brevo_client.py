"""Brevo's own Python client, sync and async, drives the local Brevo: both speak the same names."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import brevo
import httpx
import pytest
from brevo.contacts import (
    AddContactToListRequestBodyEmails,
    ImportContactsRequestJsonBodyItem,
    ImportContactsRequestNewList,
    RemoveContactFromListRequestBodyAll,
    RemoveContactFromListRequestBodyIds,
)
from brevo.core.api_error import ApiError
from brevo.errors import BadRequestError, NotFoundError

from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers

KEY = "official-client"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, _ = free_ports()
    with running_servers(tmp_path_factory.mktemp("brevo"), {"brevo": port}):
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class Blocking:
    """The async client, or a part of it, whose calls are waited for."""

    asynchronous: Any
    runner: asyncio.Runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.asynchronous, name)
        if not callable(found):
            return Blocking(found, self.runner)
        return lambda *args, **options: self.runner.run(found(*args, **options))


def sync_client(**options: Any) -> Iterator[Any]:
    # Of a client that is passed in, the official one keeps the time-out.
    with httpx.Client(timeout=20) as transport:
        yield brevo.Brevo(httpx_client=transport, **options)


def async_client(**options: Any) -> Iterator[Any]:
    with asyncio.Runner() as runner:
        transport = httpx.AsyncClient(timeout=20)
        yield Blocking(brevo.AsyncBrevo(httpx_client=transport, **options), runner)
        runner.run(transport.aclose())


@pytest.fixture(params=[sync_client, async_client], ids=["sync", "async"])
def client(address: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Drive a fresh account; no retries, so that a test sees each answer."""
    settings = {"key": KEY, "rate_limits": False, "import_seconds": 0}
    httpx.post(f"{address}/admin/accounts", json=settings).raise_for_status()
    yield from request.param(api_key=KEY, base_url=f"{address}/v3", max_retries=0)


@pytest.fixture
def list_id(client: Any) -> int:
    folder = client.contacts.create_folder(name="Tajo")
    return int(client.contacts.create_list(name="High value", folder_id=folder.id).id)


def import_of(client: Any, *rows: dict[str, Any], **options: Any) -> Any:
    """Import to the end; the process as the client reads it."""
    items = [ImportContactsRequestJsonBodyItem(**row) for row in rows]
    started = client.contacts.import_contacts(json_body=items, **options)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        process = client.process.get_process(started.process_id)
        if process.status == "completed":
            return process
        time.sleep(0.01)
    raise AssertionError("the import did not complete")


def test_reads_the_account(client: Any) -> None:
    """The account's fields arrive under the client's names."""
    account = client.account.get_account()
    assert (account.company_name, account.enterprise) == ("Local Brevo", False)


def test_creates_and_upserts(client: Any) -> None:
    """A creation gives the id, an upsert an empty 204."""
    created = client.contacts.create_contact(
        email="a@example.com", ext_id="7", attributes={"FIRSTNAME": "Ada"}
    )
    raw = client.contacts.with_raw_response.create_contact(
        email="a@example.com", attributes={"LASTNAME": "King"}, update_enabled=True
    )
    contact = client.contacts.get_contact_info("7", identifier_type="ext_id")
    assert created is not None
    assert (raw.status_code, raw.data) == (204, None)
    assert (created.id, "a@example.com") == (contact.id, contact.email)
    assert contact.attributes.model_extra == {"FIRSTNAME": "Ada", "LASTNAME": "King", "EXT_ID": "7"}


def test_updates_and_deletes(client: Any, list_id: int) -> None:
    """Identifiers travel as they are encoded; the client itself encodes nothing."""
    client.contacts.create_contact(email="a+b@example.com", list_ids=[list_id])
    identifier = quote("a+b@example.com", safe="")
    client.contacts.update_contact(identifier, unlink_list_ids=[list_id], email_blacklisted=True)
    contact = client.contacts.get_contact_info(identifier)
    client.contacts.delete_contact(identifier)
    assert (contact.list_ids, contact.email_blacklisted) == ([], True)
    assert client.contacts.get_contacts().count == 0


def test_reads_who_unsubscribed(client: Any, address: str) -> None:
    """An unsubscription has its moment and its campaign under the client's names."""
    contact = client.contacts.create_contact(email="a@example.com")
    deed = {"id": contact.id, "moment": "2026-11-01T08:00:00Z", "campaign": 3}
    unsubscribe = f"{address}/admin/accounts/{KEY}/unsubscribe"
    httpx.post(unsubscribe, json=deed).raise_for_status()
    found = client.contacts.get_contact_info(
        contact.id, start_date="2026-11-01", end_date="2026-11-01"
    )
    [item] = found.statistics.unsubscriptions.user_unsubscription
    assert (True, 3, "2026-11-01T08:00:00Z") == (
        *(found.email_blacklisted, item.campaign_id, item.event_time),
    )


def test_imports_and_polls(client: Any, list_id: int) -> None:
    """An import is followed by its process; its reports are URLs or nothing."""
    process = import_of(
        client,
        {"email": "a@example.com", "attributes": {"FIRSTNAME": "Ada"}},
        {"email": "wrong"},
        list_ids=[list_id],
        disable_notification=True,
    )
    reports = process.info.import_
    listed = client.process.get_processes(limit=50)
    assert (process.name, listed.count) == ("IMPORTUSER", 1)
    assert httpx.get(reports.invalid_emails).text.splitlines()[1] == "wrong;;;;"
    assert reports.duplicate_email_id is None
    members = client.contacts.get_contacts_from_list(list_id)
    assert [contact.email for contact in members.contacts] == ["a@example.com"]


def test_imports_into_a_new_list(client: Any) -> None:
    """The nested new list arrives under its wire names."""
    folders = client.contacts.get_folders(limit=10, offset=0).folders
    assert folders
    new_list = ImportContactsRequestNewList(list_name="Fresh", folder_id=folders[0].id)
    import_of(client, {"email": "a@example.com"}, new_list=new_list)
    lists = client.contacts.get_folder_lists(folders[0].id).lists
    assert lists
    assert [(found.name, found.unique_subscribers) for found in lists] == [("Fresh", 1)]


def test_manages_attributes(client: Any) -> None:
    """Attributes are created, listed with their options, changed and deleted."""
    create, contacts = client.contacts.create_attribute, client.contacts
    create("normal", "LTV", type="float")
    create("normal", "COLOURS", type="multiple-choice", multi_category_options=["red"])
    create("category", "TIER", enumeration=[{"value": 1, "label": "Gold"}])
    contacts.update_attribute("normal", "COLOURS", multi_category_options=["blue"])
    contacts.delete_attribute("normal", "LTV")
    listed = {found.name: found for found in contacts.get_attributes().attributes}
    assert "LTV" not in listed
    assert listed["COLOURS"].multi_category_options == ["blue"]
    assert listed["TIER"].enumeration
    assert [option.label for option in listed["TIER"].enumeration] == ["Gold"]


def test_manages_list_members(client: Any, list_id: int) -> None:
    """Adding and removing name who succeeded and who failed."""
    created = client.contacts.create_contact(email="a@example.com")
    assert created is not None
    added = client.contacts.add_contact_to_list(
        list_id, request=AddContactToListRequestBodyEmails(emails=["a@example.com", "b@b.com"])
    )
    removed = client.contacts.remove_contact_from_list(
        list_id, request=RemoveContactFromListRequestBodyIds(ids=[created.id])
    )
    assert (added.contacts.success, added.contacts.failure) == (["a@example.com"], ["b@b.com"])
    assert (removed.contacts.success, removed.contacts.failure) == ([created.id], [])
    assert client.contacts.get_list(list_id).unique_subscribers == 0


def test_raises_its_own_errors(client: Any) -> None:
    """Refusals become the client's typed errors, with Brevo's code and metadata in them."""
    client.contacts.create_contact(email="a@example.com")
    with pytest.raises(BadRequestError) as duplicate:
        client.contacts.create_contact(email="a@example.com")
    with pytest.raises(NotFoundError) as absent:
        client.contacts.get_contact_info("b@example.com")
    assert duplicate.value.body["metadata"] == {"duplicate_identifiers": ["email"]}
    assert absent.value.body["code"] == "document_not_found"


def test_is_refused_with_a_wrong_key(address: str) -> None:
    """A key that nobody has is a 401."""
    with httpx.Client() as transport, pytest.raises(ApiError) as refused:
        brevo.Brevo(
            api_key="nobody", base_url=f"{address}/v3", httpx_client=transport
        ).account.get_account()
    assert refused.value.status_code == 401


def test_meets_the_limits(client: Any, address: str) -> None:
    """The 101st call of an hour that is not about contacts is a 429 that says when to return."""
    httpx.patch(f"{address}/admin/accounts/{KEY}", json={"rate_limits": True}).raise_for_status()
    for _ in range(100):
        client.process.get_processes()
    with pytest.raises(ApiError) as refused:
        client.process.get_processes()
    assert refused.value.status_code == 429
    assert refused.value.headers
    assert 0 < int(refused.value.headers["x-sib-ratelimit-reset"]) <= 3600


def test_manages_folders_and_lists(client: Any) -> None:
    """Folders and lists are shown, renamed and deleted by their ids."""
    contacts = client.contacts
    folder = contacts.create_folder(name="Tajo").id
    list_id = contacts.create_list(name="Old", folder_id=folder).id
    contacts.update_folder(folder, name="Audiences")
    contacts.update_list(list_id, name="New")
    assert contacts.get_folder(folder).name == "Audiences"
    assert (["New"], 1) == (
        [found.name for found in contacts.get_lists(limit=50).lists],
        contacts.get_lists().count,
    )
    contacts.delete_list(list_id)
    contacts.delete_folder(folder)
    with pytest.raises(NotFoundError):
        contacts.get_folder(folder)


def test_empties_a_list(client: Any, list_id: int) -> None:
    """Removing all is answered with a process and a total."""
    client.contacts.create_contact(email="a@example.com", list_ids=[list_id])
    removed = client.contacts.remove_contact_from_list(
        list_id, request=RemoveContactFromListRequestBodyAll(all_=True)
    )
    assert removed.contacts.total == 1
    assert client.process.get_process(removed.contacts.process_id).status == "completed"


def test_posts_events(client: Any) -> None:
    """One event and a batch arrive under their names, and are found again."""
    created = client.contacts.create_contact(email="a@example.com")
    person = {"email_id": "a@example.com"}
    client.event.create_event(
        event_name="seen", identifiers=person, event_properties={"total": 5, "paid": True}
    )
    item = {"event_name": "seen", "identifiers": person, "event_date": "2026-11-01"}
    accepted = client.event.create_batch_events(events=[item, item])
    found = client.event.get_events(event_name="seen", contact_id=created.id)
    assert (2, 3) == (accepted.count, found.count)
    assert {"total": 5, "paid": True} == found.events[0].event_properties


def test_does_not_see_a_partial_batch(client: Any) -> None:
    """Of a 207 the client keeps the names only as extras, which is why the product has its own."""
    posted = client.event.with_raw_response.create_batch_events(
        events=[
            {"event_name": "seen", "identifiers": {"email_id": "a@example.com"}},
            {"event_name": "seen", "identifiers": {}},
        ]
    )
    message = "Please pass at least one identifier or contact id"
    assert (207, "partiallyQueued") == (posted.status_code, posted.data.status)
    assert posted.data.errors == [{"eventIndex": [1], "message": message}]


def test_manages_objects(client: Any, address: str) -> None:
    """Records are upserted with links, listed, and deleted by their own ids."""
    types = f"{address}/admin/accounts/{KEY}/object-types/order"
    httpx.put(types, json={"attributes": ["total"]}).raise_for_status()
    client.contacts.create_contact(email="a@example.com", ext_id="7")
    linked = {"object_type": "contact", "records": [{"identifiers": {"ext_id": "7"}}]}
    record = {"identifiers": {"ext_id": "1"}, "attributes": {"total": 5}}
    objects = client.custom_objects
    accepted = objects.upsertrecords("order", records=[record | {"associations": [linked]}])
    assert client.process.get_process(accepted.process_id).status == "completed"
    (found,) = objects.getrecords("order", limit=10, page_num=1, association="true").records
    assert ("1", {"total": 5}) == (found.identifiers.ext_id, found.attributes)
    near = objects.get_associated_records("contact", email="a@example.com")
    assert (False, ["order"]) == (near.has_more, [item.type for item in near.items])
    objects.batch_delete_object_records("order", identifiers={"ext_ids": ["1"]})
    assert objects.getrecords("order", limit=10, page_num=1).count == 0


def test_manages_campaigns(client: Any, list_id: int) -> None:
    """A draft is made for a list, found, renamed, sent and deleted."""
    campaigns = client.email_campaigns
    made = campaigns.create_email_campaign(
        name="Win back",
        subject="We miss you",
        sender={"name": "Shop", "email": "shop@example.com"},
        html_content="<p>We miss you</p>",
        recipients={"listIds": [list_id]},
    )
    campaigns.update_email_campaign(made.id, name="Come back")
    (listed,) = campaigns.get_email_campaigns(status="draft").campaigns
    assert ("Come back", "draft") == (listed.name, listed.status)
    campaigns.send_email_campaign_now(made.id)
    assert campaigns.get_email_campaign(made.id).status == "sent"
    campaigns.delete_email_campaign(made.id)
    with pytest.raises(NotFoundError):
        campaigns.get_email_campaign(made.id)


@pytest.mark.parametrize("open_client", [sync_client, async_client], ids=["sync", "async"])
def test_signs_in_with_oauth(address: str, open_client: Any) -> None:
    """Client id and secret become a token at the host's root, and the token opens the account."""
    oauth = {"client_id": "official", "client_secret": "s", "scopes": ["contacts:read"]}
    settings = {"key": KEY, "rate_limits": False, "oauth": oauth}
    httpx.post(f"{address}/admin/accounts", json=settings).raise_for_status()
    credentials = {"client_id": "official", "client_secret": "s"}
    for client in open_client(base_url=f"{address}/v3", max_retries=0, **credentials):
        assert client.contacts.get_contacts().count == 0
        with pytest.raises(ApiError) as refused:
            client.account.get_account()
        assert refused.value.status_code == 403
