"""Lists and folders: looked up by name, or created once; and who is on a list."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from tajo_sf_pipeline.audience.destination import ContactsDestination
from tajo_sf_pipeline.brevo import contacts, limits
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import Identifier, Kind, key_of, stored
from tajo_sf_pipeline.errors import ConfigurationError, RefusedError, UncertainError

NO_CHANGE = "already in that state, or no such contact"
"""Why `remove` names a value for which Brevo changed nothing: it says no more."""

_PAGE, _MEMBERS = 50, 500  # the most that folders and lists give at once, and a list itself
_BAD_REQUEST, _NOT_FOUND = 400, 404
_SETS: dict[Kind, str] = {"email": "emails", "ext_id": "extIds"}


def list_id(client: Client, destination: ContactsDestination) -> int:
    """Return the id of the destination's list; one that is named is created where it is not there.

    The name comes from the configuration alone, so a retry or a backfill finds the list that an
    earlier run created (S15). Of several with one name the oldest counts.
    """
    if destination.list_id is not None:
        return _existing(client, destination.list_id)
    assert destination.list is not None
    return ids_of(client, destination.folder, [destination.list])[destination.list]


def ids_of(client: Client, folder: str, names: Collection[str]) -> dict[str, int]:
    """Return the ids of a folder's lists by name; folder and lists are created if missing."""
    if not names:
        return {}
    folders = _ids_by_name(client, "/contacts/folders", "folders")
    folder_id = folders.get(folder) or _create(
        client, "/contacts/folders", "folders", {"name": folder}
    )
    path = f"/contacts/folders/{folder_id}/lists"
    ids = _ids_by_name(client, path, "lists")
    return {
        name: ids.get(name) or _create(client, path, "lists", {"name": name, "folderId": folder_id})
        for name in sorted(set(names))
    }


def members(client: Client, list_id: int, kind: Kind) -> list[str]:
    """Return the keys of the contacts that are on a list, 500 a call."""
    path = f"/contacts/lists/{list_id}/contacts"
    listed = client.pages(path, "contacts", _MEMBERS, sort="asc")
    return [key for contact in listed if (key := key_of(contact, kind))]


def remove(client: Client, list_id: int, values: Sequence[str], kind: Kind) -> dict[str, str]:
    """Take contacts off a list; return those for which that was not done, and why.

    `NO_CHANGE` is among the reasons: Brevo does not say whether such a contact is off the list
    already or does not exist.
    """
    if kind == "sms":
        return _one_by_one(client, list_id, values)
    path = f"/contacts/lists/{list_id}/contacts/remove"
    failed: dict[str, str] = {}
    for first in range(0, len(values), limits.LIST_CONTACTS):
        failed |= _part(client, path, values[first : first + limits.LIST_CONTACTS], kind)
    return failed


def _part(client: Client, path: str, values: Sequence[str], kind: Kind) -> dict[str, str]:
    """Send one call; one that is refused as a whole for a bad value is split (S07)."""
    sent = [stored(kind, value) for value in values]  # Brevo compares with what it stores
    body = json.dumps({_SETS[kind]: sent}, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        answer = client.post(path, body)
    except RefusedError as error:
        if error.status != _BAD_REQUEST:
            raise
        if "already in list" in error.reason or "does not exist" in error.reason:
            return dict.fromkeys(values, NO_CHANGE)
        if len(values) == 1:
            return {values[0]: error.reason}
        half = len(values) // 2
        return _part(client, path, values[:half], kind) | _part(client, path, values[half:], kind)
    unchanged = set(_failures(answer))
    return {
        value: NO_CHANGE for value, named in zip(values, sent, strict=True) if named in unchanged
    }


def _failures(answer: Any) -> list[str]:
    """Return who failed: under `contacts`, or at the top as in Brevo's own examples."""
    outer = answer if isinstance(answer, dict) else {}
    inner = outer.get("contacts")
    failures = (inner if isinstance(inner, dict) else outer).get("failure") or []
    return [str(value) for value in failures]


def _one_by_one(client: Client, list_id: int, values: Sequence[str]) -> dict[str, str]:
    """Take off contacts that a list's own call cannot name: those by phone number."""
    failed = {}
    for value in values:
        try:
            contacts.update(client, Identifier("sms", value), None, unlink=[list_id])
        except RefusedError as error:
            failed[value] = NO_CHANGE if error.status == _NOT_FOUND else error.reason
    return failed


def _existing(client: Client, number: int) -> int:
    try:
        client.get(f"/contacts/lists/{number}")
    except RefusedError as error:
        raise ConfigurationError(
            "TAJO-117",
            f"Brevo has no list {number}: {error.reason}",
            "Correct destination.list_id, or give `list` a name: it is made then.",
        ) from error
    return number


def _create(client: Client, listing: str, kind: str, target: dict[str, Any]) -> int:
    """Create a list or a folder once: where the answer is lost, look before creating another."""
    body = json.dumps(target, ensure_ascii=False).encode()
    try:
        return client.number(f"/contacts/{kind}", body, "id", repeatable=False)
    except UncertainError:
        existing = _ids_by_name(client, listing, kind).get(target["name"])
        if existing is not None:
            return existing
        return client.number(f"/contacts/{kind}", body, "id", repeatable=False)


def _ids_by_name(client: Client, path: str, kind: str) -> dict[str, int]:
    """Return every id by its name; of several with one name the oldest."""
    ids: dict[str, int] = {}
    for item in client.pages(path, kind, _PAGE, sort="asc"):
        ids[item["name"]] = min(item["id"], ids.get(item["name"], item["id"]))
    return ids
