"""The OAuth client credentials of the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import NewAccount, admin

TOKEN = "/realms/partner/oauth/token"


def grant(brevo: httpx.Client, **form: str) -> httpx.Response:
    key = brevo.headers["api-key"]
    asked = {"client_id": key, "client_secret": "s", "grant_type": "client_credentials"} | form
    return brevo.post(TOKEN, data=asked)


def oauth_account(new_account: NewAccount, *scopes: str, **settings: Any) -> httpx.Client:
    brevo = new_account(**settings)
    client = {"client_id": brevo.headers["api-key"], "client_secret": "s", "scopes": list(scopes)}
    brevo.patch(admin(brevo), json={"oauth": client}).raise_for_status()
    return brevo


def bearer(brevo: httpx.Client, method: str, path: str, **form: str) -> int:
    """Call with a new token and no key; the status."""
    token = grant(brevo, **form).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    return httpx.request(method, f"{brevo.base_url}{path}", headers=headers, json={}).status_code


def test_open_what_they_name(new_account: NewAccount) -> None:
    """A token does what its scopes say, and writing does not imply reading."""
    brevo = oauth_account(new_account, "contacts:write", "account:read")
    granted = grant(brevo).json()
    assert ("Bearer", 3600) == (granted["token_type"], granted["expires_in"])
    assert [400, 403, 200, 403] == [
        bearer(brevo, "POST", "/v3/contacts"),
        bearer(brevo, "GET", "/v3/contacts"),
        bearer(brevo, "GET", "/v3/account"),
        bearer(brevo, "GET", "/v3/account", scope="contacts:write"),
    ]


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"scope": "contacts:read events:write"}, 400, "invalid_scope"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_refuse_as_oauth_does(
    new_account: NewAccount, form: dict[str, str], status: int, error: str
) -> None:
    """Refusals are those of RFC 6749: a scope that is not granted, a client that is not known."""
    refused = grant(oauth_account(new_account, "contacts:read"), **form)
    assert (status, {"error": error}) == (refused.status_code, refused.json())


def test_end(new_account: NewAccount) -> None:
    """A token that has ended gets a 401."""
    brevo = oauth_account(new_account, "contacts:read", token_seconds=0)
    assert bearer(brevo, "GET", "/v3/contacts") == 401


def test_have_their_own_budget(new_account: NewAccount) -> None:
    """The limits count for each credential."""
    brevo = oauth_account(
        new_account, "account:read", rate_limits=True, limits={"others": [[1, 3600]]}
    )
    assert [200, 429] == [brevo.get("/v3/account").status_code for _ in range(2)]
    assert bearer(brevo, "GET", "/v3/account") == 200
