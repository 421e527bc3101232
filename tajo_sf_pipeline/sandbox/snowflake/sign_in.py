"""Who may sign in through a driver, answered with Snowflake's codes and sentences."""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.snowflake.key_pair_jwt import Reason, account_identifier, refused
from tajo_sf_pipeline.sandbox.snowflake.user import User

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    message: str


# The code is unverified: no server of Snowflake's was reachable.
NOT_ALLOWED = Refusal(
    "390422",
    "Incoming request with IP/Token 127.0.0.1 is not allowed to access Snowflake. "
    "Contact your account administrator.",
)


def refusal(login: Mapping[str, Any], user: User) -> Refusal | None:
    """Why the `data` of a login request is not let in; None lets it in."""
    user_matches = str(login.get("LOGIN_NAME", "")).upper() == user.name
    token = str(login.get("TOKEN", ""))
    match login.get("AUTHENTICATOR", "SNOWFLAKE"):
        case "SNOWFLAKE":
            if user_matches and login.get("PASSWORD") == user.credentials.password:
                return None
            return Refusal("390100", "Incorrect username or password was specified.")
        case "SNOWFLAKE_JWT":
            account = account_identifier(login["ACCOUNT_NAME"])
            reason = refused(token, user.name, user.public_keys, account=account)
            return jwt_refusal(reason) if reason else None
        case "PROGRAMMATIC_ACCESS_TOKEN":
            if user_matches and token == user.credentials.programmatic_access_token:
                return None
            return invalid_programmatic_access_token()
        case "OAUTH":
            if user.expired_token(token):
                return expired_oauth_token()
            if user_matches and user.owns_oauth_token(token):
                return None
            return invalid_oauth_token()
        case authenticator:
            return Refusal(
                "390100", f"The local Snowflake does not know the authenticator {authenticator}."
            )


def jwt_refusal(reason: Reason) -> Refusal:
    # Snowflake keeps the reason to itself as well, and gives an id to ask for it with.
    login_id = uuid.uuid4()
    logger.warning("JWT of login %s refused: %s %s", login_id, reason.value, reason.name)
    return Refusal("390144", f"JWT token is invalid. [{login_id}]")


def invalid_programmatic_access_token() -> Refusal:
    return Refusal("394400", "Programmatic access token is invalid.")


def invalid_oauth_token() -> Refusal:
    return Refusal("390303", f"Invalid OAuth access token. [{uuid.uuid4()}]")


def expired_oauth_token() -> Refusal:
    return Refusal("390318", f"OAuth access token expired. [{uuid.uuid4()}]")
