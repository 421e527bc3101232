"""Two places that give out access tokens: Snowflake itself, and an identity provider it trusts."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tajo_sf_pipeline.sandbox.snowflake import (
    EXTERNAL_CLIENT_ID,
    EXTERNAL_CLIENT_SECRET,
    OAUTH_CLIENT_ID,
    OAUTH_CLIENT_SECRET,
    OAUTH_REFRESH_TOKEN,
)
from tajo_sf_pipeline.sandbox.snowflake.faults import Faults
from tajo_sf_pipeline.sandbox.snowflake.settings import Settings
from tajo_sf_pipeline.sandbox.snowflake.user import User

# docs.snowflake.com/en/user-guide/oauth-snowflake-overview, "Error codes"; the sentences other than
# the first are ours.
SNOWFLAKE_ERRORS = {
    "invalid_client": "This is an invalid client.",
    "invalid_grant": "This is an invalid grant.",
    "unsupported_grant_type": "Supported grant types: authorization_code, refresh_token.",
}


@dataclass(frozen=True, slots=True)
class OAuthRoutes:
    user: User
    settings: Settings
    faults: Faults

    async def snowflake_token(self, request: Request) -> Response:
        """Snowflake OAuth: a machine signs in with the refresh token that a person gave it once."""
        if status := self.faults.take("token_endpoint"):
            return Response(status_code=status)
        form = await _form(request)
        if _client(request, form) != (OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET):
            return _snowflake_error("invalid_client")
        if form.get("grant_type") != "refresh_token":
            return _snowflake_error("unsupported_grant_type")
        if form.get("refresh_token") != OAUTH_REFRESH_TOKEN:
            return _snowflake_error("invalid_grant")
        seconds = self.settings.access_token_seconds
        return _no_store(
            {
                "access_token": self.user.access_tokens.issue("snowflake", seconds),
                "refresh_token": OAUTH_REFRESH_TOKEN,
                "token_type": "Bearer",
                "expires_in": int(seconds),
            }
        )

    async def external_token(self, request: Request) -> Response:
        """External OAuth: the identity provider knows machines, and answers as RFC 6749 says."""
        if status := self.faults.take("token_endpoint"):
            return Response(status_code=status)
        form = await _form(request)
        if _client(request, form) != (EXTERNAL_CLIENT_ID, EXTERNAL_CLIENT_SECRET):
            return _external_error("invalid_client", "Client authentication failed.")
        if form.get("grant_type") != "client_credentials":
            return _external_error("unsupported_grant_type", "Use client_credentials.")
        # Snowflake takes no external token without a role in its scope.
        if not form.get("scope", "").startswith("session:role"):
            return _external_error(
                "invalid_scope", "Ask for session:role-any or session:role:NAME."
            )
        seconds = self.settings.access_token_seconds
        return _no_store(
            {
                "access_token": self.user.access_tokens.issue("external", seconds),
                "token_type": "Bearer",
                "expires_in": int(seconds),
                "scope": form["scope"],
            }
        )


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(errors="replace")))


def _client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Read id and secret from the header or the form; in the header each is URL-encoded first."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _no_store(answer: dict[str, str | int]) -> Response:
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _snowflake_error(error: str) -> Response:
    body = {"data": None, "message": SNOWFLAKE_ERRORS[error], "code": None, "success": False}
    return JSONResponse(body | {"error": error}, status_code=_status(error))


def _external_error(error: str, description: str) -> Response:
    body = {"error": error, "error_description": description}
    return JSONResponse(body, status_code=_status(error))


def _status(error: str) -> int:
    return 401 if error == "invalid_client" else 400  # RFC 6749, section 5.2
