"""Who may call the SQL API: every request carries its token and, as a rule, the token's type."""

import uuid

from starlette.datastructures import Headers

from tajo_sf_pipeline.sandbox.snowflake.faults import Faults
from tajo_sf_pipeline.sandbox.snowflake.key_pair_jwt import Reason, arrives_late, refused
from tajo_sf_pipeline.sandbox.snowflake.sign_in import (
    Refusal,
    expired_oauth_token,
    invalid_oauth_token,
    invalid_programmatic_access_token,
    jwt_refusal,
)
from tajo_sf_pipeline.sandbox.snowflake.user import User

TOKEN_TYPE = "X-Snowflake-Authorization-Token-Type"


def refusal(headers: Headers, user: User, faults: Faults) -> Refusal | None:
    """Why the request is answered with 401; None lets it in."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return Refusal("390101", "Authorization header not found in the request data.")
    if faults.take("token_expired"):
        return expired_oauth_token()
    if faults.take("token_invalid"):
        return invalid_oauth_token()
    match headers.get(TOKEN_TYPE, "").upper() or _token_type(token, user):
        case "KEYPAIR_JWT":
            return _key_pair_refusal(token, user, faults)
        case "PROGRAMMATIC_ACCESS_TOKEN":
            if token == user.credentials.programmatic_access_token:
                return None
            return invalid_programmatic_access_token()
        case "OAUTH":
            return _oauth_refusal(token, user)
        case token_type:
            return Refusal(
                "390100", f"The local Snowflake does not know the token type {token_type}."
            )


def _token_type(token: str, user: User) -> str:
    """Examine the token, as the documentation says; the published specification assumes OAUTH."""
    if token == user.credentials.programmatic_access_token:
        return "PROGRAMMATIC_ACCESS_TOKEN"
    return "KEYPAIR_JWT" if token.count(".") == 2 else "OAUTH"


def _key_pair_refusal(token: str, user: User, faults: Faults) -> Refusal | None:
    if reason := faults.take("jwt_invalid"):
        return _named(Reason[reason])
    skew = faults.take("clock_skew")
    if skew is not None and arrives_late(token, clock_skew=skew):
        return _named(Reason.INVALID_ISSUE_TIME)
    invalid = refused(token, user.name, user.public_keys)
    return jwt_refusal(invalid) if invalid else None


def _named(reason: Reason) -> Refusal:
    """Give the reason itself, as newer servers do, instead of 390144 for all of them."""
    return Refusal(reason.value, f"JWT token is invalid. [{uuid.uuid4()}]")


def _oauth_refusal(token: str, user: User) -> Refusal | None:
    if expired := user.expired_token(token):
        # Snowflake's own tokens have one code for "invalid" and "expired", external ones have two:
        # the error tables of user-guide/oauth-snowflake-overview and user-guide/oauth-ext-overview.
        return invalid_oauth_token() if expired.issuer == "snowflake" else expired_oauth_token()
    return None if user.owns_oauth_token(token) else invalid_oauth_token()
