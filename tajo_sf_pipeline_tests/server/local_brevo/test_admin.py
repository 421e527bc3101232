"""``/admin`` of the local Brevo."""

import hashlib
import time
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    admin,
    create,
    new_list,
)


class TestAdmin:
    def test_logs_requests(self, brevo: httpx.Client) -> None:
        """Each request to /v3 is logged with its status, size and the digest of its body."""
        before = time.time()
        body = b'{"email":"a@example.com"}'
        brevo.post("/v3/contacts", content=body)
        brevo.get("/v3/contacts/b%40example.com?identifierType=email_id")
        posted, got = brevo.get(admin(brevo, "/requests")).json()["requests"]
        assert before <= posted.pop("at") <= time.time()
        assert posted == {
            "method": "POST",
            "path": "/v3/contacts",
            "route": "/v3/contacts",
            "query": "",
            "status": 201,
            "request_bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        assert (
            got["path"],
            got["route"],
            got["query"],
            got["status"],
        ) == (
            "/v3/contacts/b%40example.com",
            "/v3/contacts/{identifier}",
            "identifierType=email_id",
            404,
        )

    def test_shows_contacts_by_email(self, brevo: httpx.Client) -> None:
        """Contacts are shown in full, ordered by e-mail, in pages."""
        for name in "cab":
            create(brevo, f"{name}@example.com")
        page = brevo.get(admin(brevo, "/contacts?limit=2&offset=1")).json()["contacts"]
        assert [contact["email"] for contact in page] == ["b@example.com", "c@example.com"]
        assert {"id", "attributes", "listIds", "createdAt"} <= set(page[0])

    def test_sums_up(self, brevo: httpx.Client) -> None:
        """The summary counts what the account has and what was asked of it."""
        list_ = new_list(brevo)
        create(brevo, "a@example.com", listIds=[list_])
        brevo.get("/v3/contacts/b@example.com")
        assert brevo.get(admin(brevo, "/summary")).json() == {
            "contacts": 1,
            "lists": [{"id": list_, "name": "High value", "members": 1}],
            "attributes": 6,
            "processes": 0,
            "events": 0,
            "objects": 0,
            "campaigns": 0,
            "requests": {"200": 1, "201": 2, "404": 1},
            "routes": {
                "GET /v3/contacts/folders": {"200": 1},
                "POST /v3/contacts/lists": {"201": 1},
                "POST /v3/contacts": {"201": 1},
                "GET /v3/contacts/{identifier}": {"404": 1},
            },
        }

    @pytest.mark.parametrize("setting", [{"plan": "gold"}, {"import_seconds": -1}, {"speed": 1}])
    def test_refuses_unknown_settings(self, brevo: httpx.Client, setting: dict[str, Any]) -> None:
        """A setting that does not exist, or cannot be so, is a 400."""
        assert brevo.patch(admin(brevo), json=setting).status_code == 400
