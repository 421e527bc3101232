"""A harmless read that proves the key, and what the account lacks for the audiences."""

from collections.abc import Iterable
from typing import Any

from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.settings import Brevo


def probe(brevo: Brevo, wanted: Iterable[str]) -> dict[str, Any]:
    """Count lists and attributes, and name the wanted attributes that the account has not.

    Both calls draw on the large bucket: ``GET /account`` has only 100 calls an hour.
    """
    with Client(brevo) as client:
        lists = client.get("/contacts/lists", limit=1)
        attributes = client.get("/contacts/attributes")["attributes"]
    have = {attribute["name"].upper() for attribute in attributes}
    return {
        "lists": lists.get("count", 0),
        "attributes": len(have),
        "missing_attributes": sorted(set(wanted) - have) or "none",
    }
