"""Lists, their members and their folders in the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    create,
    error,
    get,
    new_list,
)


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

    @pytest.mark.parametrize(("number", "status"), [(150, 201), (151, 400)])
    def test_take_no_more_than_150(self, brevo: httpx.Client, number: int, status: int) -> None:
        """The greatest call that changes something is one with 150 contacts."""
        path = f"/v3/contacts/lists/{new_list(brevo)}/contacts/add"
        ids = [create(brevo, "a@example.com")] * number
        assert status == brevo.post(path, json={"ids": ids}).status_code

    def test_are_emptied_by_a_process(self, brevo: httpx.Client) -> None:
        """{"all": true} takes everybody off, and the answer has a process and a total."""
        list_ = new_list(brevo)
        create(brevo, "a@example.com", listIds=[list_])
        path = f"/v3/contacts/lists/{list_}"
        emptied = brevo.post(f"{path}/contacts/remove", json={"all": True})
        contacts = emptied.json()["contacts"]
        process = brevo.get(f"/v3/processes/{contacts['processId']}").json()
        assert (201, 1, 0, "completed") == (
            emptied.status_code,
            contacts["total"],
            brevo.get(path).json()["uniqueSubscribers"],
            process["status"],
        )

    def test_go_with_their_folder(self, brevo: httpx.Client) -> None:
        """A folder is shown, renamed and deleted with its lists; contacts stay."""
        folder = brevo.post("/v3/contacts/folders", json={"name": "Tajo"}).json()["id"]
        body = {"name": "High value", "folderId": folder}
        list_ = brevo.post("/v3/contacts/lists", json=body).json()["id"]
        create(brevo, "a@example.com", listIds=[list_])
        path = f"/v3/contacts/folders/{folder}"
        assert brevo.put(path, json={"name": "Audiences"}).status_code == 204
        shown = brevo.get(path).json()
        assert ("Audiences", 1) == (shown["name"], shown["uniqueSubscribers"])
        assert [204, 404, 404, 200] == [
            brevo.delete(path).status_code,
            brevo.get(path).status_code,
            brevo.get(f"/v3/contacts/lists/{list_}").status_code,
            brevo.get("/v3/contacts/a@example.com").status_code,
        ]

    def test_must_exist(self, brevo: httpx.Client) -> None:
        """Adding to no list is a 404."""
        path = "/v3/contacts/lists/999999/contacts/add"
        assert brevo.post(path, json={"ids": [1]}).status_code == 404
