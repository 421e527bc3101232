"""What people do to the local Brevo's lists and contacts: by API, by /admin and by its page."""

import re
from html import unescape

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    admin,
    create,
    do,
    error,
    get,
    new_list,
    start_import,
    states_of,
)


@pytest.fixture
def list_(brevo: httpx.Client) -> int:
    """Make a list with one member."""
    made = new_list(brevo, "Win back")
    create(brevo, "a@example.com", listIds=[made])
    return made


def members(brevo: httpx.Client, list_: int) -> list[str]:
    answer = brevo.get(f"/v3/contacts/lists/{list_}/contacts").raise_for_status()
    return [contact["email"] for contact in answer.json()["contacts"]]


def folder(brevo: httpx.Client, name: str = "Tajo") -> int:
    made = brevo.post("/v3/contacts/folders", json={"name": name}).raise_for_status()
    return int(made.json()["id"])


@pytest.mark.parametrize("how", ["api", "admin", "folder"])
def test_a_list_that_is_gone_is_a_404(brevo: httpx.Client, list_: int, how: str) -> None:
    """Reading it, adding to it and removing from it; its contacts stay, its id never returns."""
    if how == "api":
        brevo.delete(f"/v3/contacts/lists/{list_}").raise_for_status()
    elif how == "admin":
        do(brevo, "delete-list", list=list_)
    else:
        do(brevo, "move-list", list=list_, folder=folder(brevo))
        where = brevo.get(f"/v3/contacts/lists/{list_}").json()["folderId"]
        brevo.delete(f"/v3/contacts/folders/{where}").raise_for_status()
    path, who = f"/v3/contacts/lists/{list_}", {"emails": ["a@example.com"]}
    answers = [
        brevo.get(path),
        brevo.get(f"{path}/contacts"),
        brevo.post(f"{path}/contacts/add", json=who),
        brevo.post(f"{path}/contacts/remove", json=who),
        brevo.post(f"{path}/contacts/remove", json={"all": True}),
        brevo.put(path, json={"name": "B"}),
        brevo.delete(path),
    ]
    gone = (404, error("document_not_found", "List ID does not exist"))
    assert [gone] * 7 == [(answer.status_code, answer.json()) for answer in answers]
    refused = brevo.put("/v3/contacts/a@example.com", json={"listIds": [list_]})
    assert (400, []) == (refused.status_code, get(brevo, "a@example.com")["listIds"])
    assert new_list(brevo, "Win back") > list_


def test_an_import_outlives_its_list(brevo: httpx.Client, list_: int) -> None:
    """A list that goes while an import waits is not made again; its rows are stored."""
    brevo.patch(admin(brevo), json={"import_seconds": 1}).raise_for_status()
    process = start_import(brevo, jsonBody=[{"email": "b@example.com"}], listIds=[list_])
    do(brevo, "delete-list", list=list_)
    assert "completed" == states_of(brevo, process)[-1]["status"]
    assert [] == get(brevo, "b@example.com")["listIds"]


def test_a_list_keeps_its_id_under_another_name_and_folder(brevo: httpx.Client, list_: int) -> None:
    """It is renamed and moved, and its members stay."""
    target = folder(brevo)
    do(brevo, "rename-list", list=list_, name="Back again")
    do(brevo, "move-list", list=list_, folder=target)
    shown = brevo.get(f"/v3/contacts/lists/{list_}").json()
    assert ("Back again", target) == (shown["name"], shown["folderId"])
    assert ["a@example.com"] == members(brevo, list_)


def test_names_are_not_unique(brevo: httpx.Client) -> None:
    """Two folders of one name, and two lists of one name in one folder, are what Brevo has too."""
    one, two = folder(brevo), folder(brevo)
    body = {"name": "Win back", "folderId": one}
    ids = [brevo.post("/v3/contacts/lists", json=body).json()["id"] for _ in range(2)]
    folders = brevo.get("/v3/contacts/folders").json()["folders"]
    assert [two, one] == [item["id"] for item in folders if item["name"] == "Tajo"]
    listed = brevo.get(f"/v3/contacts/folders/{one}/lists?sort=asc").json()["lists"]
    assert [(ids[0], "Win back"), (ids[1], "Win back")] == [(i["id"], i["name"]) for i in listed]


def test_people_take_contacts_off_and_delete_them(brevo: httpx.Client, list_: int) -> None:
    """Taken off a list a contact is still there; deleted it is on no list and in no answer."""
    do(brevo, "remove-from-list", email="a@example.com", list=list_)
    assert ([], []) == (members(brevo, list_), get(brevo, "a@example.com")["listIds"])
    do(brevo, "add-to-list", email="a@example.com", list=list_)
    assert ["a@example.com"] == members(brevo, list_)
    do(brevo, "delete-contact", email="a@example.com")
    assert [] == members(brevo, list_)
    gone = brevo.get("/v3/contacts/a@example.com")
    assert (404, error("document_not_found", "Contact does not exist")) == (
        gone.status_code,
        gone.json(),
    )


def pressed(brevo: httpx.Client, view: str, label: str, **typed: str) -> httpx.Response:
    """Press the first button of the page that is labelled so, as a browser does."""
    query = {"account": brevo.headers["api-key"], "view": view}
    page = brevo.get("/", params=query).text
    forms = re.findall(r'<form method="post" action="([^"]+)">(.*?)</form>', page)
    action, content = next(form for form in forms if f">{label}<" in form[1])
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', content)
    address = str(brevo.base_url).rstrip("/")
    return brevo.post(
        unescape(action),
        data={name: unescape(value) for name, value in hidden} | typed,
        headers={"Origin": address, "Sec-Fetch-Site": "same-origin"},
        follow_redirects=True,
    )


def test_the_page_has_a_button_for_each(brevo: httpx.Client, list_: int) -> None:
    """Each button does its deed and leads back to the page."""
    assert "email blocked" in pressed(brevo, "contacts", "Unsubscribe").text
    assert get(brevo, "a@example.com")["statistics"]["unsubscriptions"]["userUnsubscription"]
    assert "email blocked" not in pressed(brevo, "contacts", "Resubscribe").text
    pressed(brevo, "contacts", "Take off Win back").raise_for_status()
    assert [] == members(brevo, list_)
    assert "Back &amp; again" in pressed(brevo, "lists", "Rename", name="Back & again").text
    target = folder(brevo)
    pressed(brevo, "lists", "Move", folder=str(target)).raise_for_status()
    assert target == brevo.get(f"/v3/contacts/lists/{list_}").json()["folderId"]
    assert "No list yet." in pressed(brevo, "lists", "Delete").text
    assert "No contact yet" in pressed(brevo, "contacts", "Delete").text


def test_another_page_may_not_press_them(brevo: httpx.Client, list_: int) -> None:
    """A form of another origin changes nothing."""
    refused = brevo.post(
        admin(brevo, "/delete-list"), data={"list": list_}, headers={"Origin": "http://evil.test"}
    )
    assert (403, 200) == (
        refused.status_code,
        brevo.get(f"/v3/contacts/lists/{list_}").status_code,
    )
