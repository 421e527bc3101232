"""Lists and folders: found by name, or made once."""

import json
from collections.abc import Iterator
from typing import Any

from tajo_sf_pipeline.audience import Destination
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import ConfigurationError, RefusedError

_PAGE = 50  # the most that folders and lists give at once


def list_id(client: Client, destination: Destination) -> int:
    """Give the id of the destination's list; one that is named is made where it is not there.

    The name comes from the configuration alone, so a retry or a backfill finds the list that an
    earlier run made (S15). Of several with one name the oldest counts.
    """
    if destination.list_id is not None:
        return _existing(client, destination.list_id)
    assert destination.list is not None
    folder = _named(_all(client, "/contacts/folders", "folders"), destination.folder)
    if folder is None:
        folder = _made(client, "/contacts/folders", {"name": destination.folder})
    found = _named(_all(client, f"/contacts/folders/{folder}/lists", "lists"), destination.list)
    if found is None:
        wanted = {"name": destination.list, "folderId": folder}
        found = _made(client, "/contacts/lists", wanted)
    return found


def _existing(client: Client, wanted: int) -> int:
    try:
        client.get(f"/contacts/lists/{wanted}")
    except RefusedError as error:
        raise ConfigurationError(
            "TAJO-117",
            f"Brevo has no list {wanted}: {error.reason}",
            "Correct destination.list_id, or give `list` a name: it is made then.",
        ) from error
    return wanted


def _all(client: Client, path: str, kind: str) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        page = client.get(path, limit=_PAGE, offset=offset, sort="asc").get(kind) or []
        yield from page
        offset += len(page)
        if len(page) < _PAGE:
            return


def _named(found: Iterator[dict[str, Any]], name: str) -> int | None:
    return min((item["id"] for item in found if item["name"] == name), default=None)


def _made(client: Client, path: str, what: dict[str, Any]) -> int:
    return int(client.post(path, json.dumps(what).encode())["id"])
