"""Who asks: the api key of an account, or a bearer token of its OAuth client.

Scopes are ``{resource}:{read|write}``, and write does not imply read (Brevo's oauth-scopes page).
That ``contacts:*`` covers ``/contacts`` is documented; the resources of the other paths are not,
and are taken from the path.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

from tajo_sf_pipeline.sandbox.brevo.accounts import Account, Accounts
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply

_RESOURCES = {"emailCampaigns": "campaigns"}
_READS = {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Caller:
    account: Account
    credential: str
    scopes: frozenset[str] | None = None  # None: an api key, which may do everything

    def refuse_unless_granted(self, method: str, path: str) -> None:
        section = path.removeprefix("/v3/").split("/")[0]
        needed = f"{_RESOURCES.get(section, section)}:{'read' if method in _READS else 'write'}"
        if self.scopes is not None and needed not in self.scopes:
            raise ApiError(403, "permission_denied", f"The token lacks the scope {needed}")


@dataclass(frozen=True, slots=True)
class _Token:
    account_key: str
    client_id: str
    scopes: frozenset[str]
    ends: float  # monotonic


class Credentials:
    """Tokens live as long as the process, at most."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._tokens: dict[str, _Token] = {}

    def caller(self, headers: Headers) -> Caller:
        """ApiError 401 for a key or a token that nobody has, or that has ended."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(token)
        account = self._accounts.find(headers.get("api-key", ""))
        if account is None:
            raise ApiError(401, "unauthorized", "Key not found")
        return Caller(account, "api-key")

    def token_for(self, form: Mapping[str, str]) -> Reply:
        """Answer the client credentials grant (RFC 6749, 4.4 and 5.2)."""
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type")
        account = self._account_of(form.get("client_id"), form.get("client_secret"))
        if account is None or account.settings.oauth is None:
            return _refused(401, "invalid_client")
        granted = frozenset(account.settings.oauth["scopes"])
        asked = frozenset(form.get("scope", "").split()) or granted
        if asked - granted:
            return _refused(400, "invalid_scope")
        token, seconds = secrets.token_urlsafe(32), account.settings.token_seconds
        client = account.settings.oauth["client_id"]
        self._tokens[token] = _Token(account.key, client, asked, time.monotonic() + seconds)
        return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": seconds})

    def _account_of(self, client_id: Any, client_secret: Any) -> Account | None:
        for account in self._accounts.all():
            oauth = account.settings.oauth
            if oauth and (oauth["client_id"], oauth["client_secret"]) == (client_id, client_secret):
                return account
        return None

    def _bearer(self, text: str) -> Caller:
        token = self._tokens.get(text)
        account = self._accounts.find(token.account_key) if token else None
        if token is None or account is None or token.ends <= time.monotonic():
            raise ApiError(401, "unauthorized", "The access token is invalid or has expired")
        return Caller(account, f"oauth {token.client_id}", token.scopes)


def _refused(status: int, error: str) -> Reply:
    return Reply(status, {"error": error})
