"""One contact at a time, for the few, and for what an import cannot do."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import Flags, Identifier
from tajo_sf_pipeline.errors import RefusedError

_NOT_FOUND = 404
_PAGE = 1000  # the most that GET /contacts gives at once
_COMPACT = (",", ":")


def upsert(
    client: Client, payload: bytes, *, lists: Sequence[int] = (), flags: Flags | None = None
) -> None:
    """Create or update the contact of a mapped row's payload, and put it on `lists`.

    Raises `RefusedError` with Brevo's reason. A blocklist flag is sent only where it is set (S09).
    """
    options = {
        **({"listIds": list(lists)} if lists else {}),
        **(flags.as_json() if flags else {}),
        "updateEnabled": True,
    }
    rest = json.dumps(options, separators=_COMPACT).encode()
    client.post("/contacts", payload.removesuffix(b"}") + b"," + rest[1:])


def update(
    client: Client,
    identifier: Identifier,
    payload: bytes | None,
    *,
    lists: Sequence[int] = (),
    unlink: Sequence[int] = (),
    flags: Flags | None = None,
) -> None:
    """Change a contact that exists, put it on `lists` and take it off those of `unlink`.

    Raises `RefusedError`, with status 404 where there is no such contact.
    """
    body = _without_identifier(json.loads(payload), identifier) if payload else {}
    if lists:
        body["listIds"] = list(lists)
    if unlink:
        body["unlinkListIds"] = list(unlink)
    if flags:
        body |= flags.as_json()
    text = json.dumps(body, ensure_ascii=False, separators=_COMPACT)
    client.put(identifier.path, text.encode(), **identifier.parameters)


def delete(client: Client, identifier: Identifier) -> None:
    """Delete a contact; one that is not there is as it should be."""
    try:
        client.delete(identifier.path, **identifier.parameters)
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise


def get(client: Client, identifier: Identifier) -> dict[str, Any] | None:
    """Return a contact as Brevo holds it, or None."""
    try:
        return client.get(identifier.path, **identifier.parameters)
    except RefusedError as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def every(client: Client, **parameters: str | int) -> Iterator[dict[str, Any]]:
    """Yield the account's contacts, a thousand a call."""
    return client.pages("/contacts", "contacts", _PAGE, sort="asc", **parameters)


def _without_identifier(contact: dict[str, Any], identifier: Identifier) -> dict[str, Any]:
    """Return a payload as PUT takes it: the e-mail is changed by an attribute, if at all."""
    email = contact.pop("email", None)
    if email is not None and identifier.kind != "email":
        contact["attributes"] = {**contact.get("attributes", {}), "EMAIL": email}
    if identifier.kind == "ext_id":
        contact.pop("ext_id", None)
    return contact
