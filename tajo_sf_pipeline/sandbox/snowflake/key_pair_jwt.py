"""Key-pair JWTs, checked claim by claim.

docs.snowflake.com/en/developer-guide/sql-api/authenticating, and the reasons and codes of
docs.snowflake.com/en/user-guide/key-pair-auth-troubleshooting.
"""

import re
import time
from enum import StrEnum
from typing import Any

import jwt

from tajo_sf_pipeline.sandbox.snowflake.public_keys import PublicKeys

ALGORITHMS = ["RS256", "RS384", "RS512"]
LONGEST_AGE = 3600
LEEWAY = 60
# The troubleshooting page has a token refused that arrives later than this after its issue; tokens
# of an hour are documented as well and widely used, so that only a fault brings the rule up.
LATEST_ARRIVAL = 60

ISSUER = re.compile(
    r"(?P<subject>(?P<account>[A-Z0-9_-]+)\.(?P<user>[^.]+))\.(?P<fingerprint>SHA256:[A-Za-z0-9+/]+=)"
)


class Reason(StrEnum):
    INVALID_USER_IN_ISSUER = "394300"
    MISSING_ISSUE_OR_EXPIRATION_TIME = "394301"
    INVALID_ISSUE_TIME = "394302"
    INVALID_EXPIRATION_TIME = "394303"
    PUBLIC_KEY_FINGERPRINT_MISMATCH = "394304"
    INVALID_ALGORITHM = "394305"
    INVALID_SIGNATURE = "394306"
    ACCOUNT_MISMATCH = "394307"


def refused(
    token: str, user: str, public_keys: PublicKeys, *, account: str | None = None
) -> Reason | None:
    """Say why the token does not sign the user in; None if it does.

    Without an account any name will do that is well-formed: in upper case and without periods.
    """
    try:
        opened = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return Reason.INVALID_SIGNATURE
    claims = opened["payload"]
    if opened["header"].get("alg") not in ALGORITHMS:
        return Reason.INVALID_ALGORITHM
    issuer = ISSUER.fullmatch(str(claims.get("iss")))
    if not issuer or issuer["user"] != user or claims.get("sub") != issuer["subject"]:
        return Reason.INVALID_USER_IN_ISSUER
    if account not in {None, issuer["account"]}:
        return Reason.ACCOUNT_MISMATCH
    if (public_key := public_keys.find(issuer["fingerprint"])) is None:
        return Reason.PUBLIC_KEY_FINGERPRINT_MISMATCH
    try:
        jwt.PyJWS().decode(token, public_key, algorithms=ALGORITHMS)
    except jwt.InvalidTokenError:
        return Reason.INVALID_SIGNATURE
    return _wrong_time(claims, time.time())


def arrives_late(token: str, *, clock_skew: float) -> bool:
    """Whether a server whose clock is ahead by so much has the token arrive too late."""
    try:
        issued = _seconds(jwt.decode(token, options={"verify_signature": False}).get("iat"))
    except jwt.InvalidTokenError:
        return False
    return issued is not None and time.time() + clock_skew - issued > LATEST_ARRIVAL


def account_identifier(account: str) -> str:
    """As drivers write it into a token: upper-case, a locator without its region."""
    name, separator, _ = account.partition(".global")
    if separator:
        return name.rpartition("-")[0].upper()
    return account.partition(".")[0].upper()


def _wrong_time(claims: dict[str, Any], now: float) -> Reason | None:
    issued, expires = _seconds(claims.get("iat")), _seconds(claims.get("exp"))
    if issued is None or expires is None:
        return Reason.MISSING_ISSUE_OR_EXPIRATION_TIME
    if not now - LONGEST_AGE - LEEWAY <= issued <= now + LEEWAY:
        return Reason.INVALID_ISSUE_TIME
    if expires + LEEWAY < now:
        return Reason.INVALID_EXPIRATION_TIME
    return None


def _seconds(claim: Any) -> float | None:
    """Read a time, which may be given in seconds or in milliseconds."""
    if not isinstance(claim, int | float):
        return None
    return claim / 1000 if claim > 100_000_000_000 else claim
