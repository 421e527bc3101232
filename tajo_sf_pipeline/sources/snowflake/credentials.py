"""Signing in: one credential object feeds both transports, and renews what grows old."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tajo_sf_pipeline.config.settings import (
    KeyPair,
    OAuthClientCredentials,
    OAuthRefreshToken,
    Password,
    Snowflake,
    Token,
)
from tajo_sf_pipeline.errors import AuthenticationError, ConfigurationError, VendorOutageError
from tajo_sf_pipeline.sources.snowflake import keys

# A JWT counts for an hour at most, whatever it says of itself: we make a new one well before.
# docs.snowflake.com/en/developer-guide/sql-api/authenticating
JWT_LIFETIME = timedelta(minutes=59)
RENEW_JWT_AFTER = timedelta(minutes=50).total_seconds()
# An access token is renewed when a minute of its life is left: a request may take as long.
SPARE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token for one request, and the name under which Snowflake wants it."""

    value: str = field(repr=False)
    kind: str


class Credentials(Protocol):
    """A way to sign in."""

    def driver_arguments(self) -> dict[str, Any]:
        """Return what the driver's `connect` takes; a token in it is fresh."""

    def bearer(self) -> Bearer:
        """Return a token for the SQL API that is good for a while yet."""

    def renew(self) -> bool:
        """Drop a token that was refused; tell whether the next one may be better."""


def credentials_of(snowflake: Snowflake, folder: Path) -> Credentials:
    """Make the workspace's credentials; relative key paths are beside tajo.yaml, in `folder`."""
    match snowflake.auth:
        case KeyPair() as auth:
            key = keys.private_key(auth, folder)
            return KeyPairCredentials(snowflake.account, snowflake.user.reveal(), key)
        case OAuthClientCredentials() | OAuthRefreshToken() as auth:
            return OAuthCredentials(_grant(auth, snowflake), str(token_url(snowflake)))
        case Password() as auth:
            return PasswordCredentials(auth.password.reveal())
        case Token() as auth:
            return ReadyToken(auth.token.reveal(), auth.method)


def account_identifier(account: str) -> str:
    """Return the account of a host name, an ``org-account`` or a locator, without the domain."""
    host = account.removeprefix("https://").rstrip("/")
    return host.removesuffix(".snowflakecomputing.com")


def jwt_account(account: str) -> str:
    """Return the account as a JWT names it: upper-cased, a locator without region and cloud."""
    identifier = account_identifier(account)
    if ".global" in identifier:
        return identifier.partition("-")[0].upper()
    return identifier.partition(".")[0].upper()


def base_url(snowflake: Snowflake) -> str:
    """Return the address that Snowflake answers at; hyphens, for TLS knows no underscores."""
    if snowflake.host:
        port = f":{snowflake.port}" if snowflake.port else ""
        return f"{snowflake.protocol}://{snowflake.host}{port}"
    host = account_identifier(snowflake.account).lower().replace("_", "-")
    return f"https://{host}.snowflakecomputing.com"


def token_url(snowflake: Snowflake) -> str:
    """Return where OAuth tokens come from: as configured, else Snowflake's own endpoint."""
    configured = getattr(snowflake.auth, "token_url", None)
    return configured or f"{base_url(snowflake)}/oauth/token-request"


class KeyPairCredentials:
    """Signs a JWT for each hour of work (RS256)."""

    def __init__(self, account: str, user: str, key: RSAPrivateKey) -> None:
        self._subject = f"{jwt_account(account)}.{user.upper()}"
        self._key = key
        self._token = _Renewed(self._sign)

    def driver_arguments(self) -> dict[str, Any]:
        # The key itself: to read it again from bytes proves its primes again, in 60 ms.
        return {"private_key": self._key, "authenticator": "SNOWFLAKE_JWT"}

    def bearer(self) -> Bearer:
        return Bearer(self._token.get(), "KEYPAIR_JWT")

    def renew(self) -> bool:
        return self._token.drop()

    def _sign(self) -> tuple[str, float]:
        now = datetime.now(UTC)
        claims = {
            "iss": f"{self._subject}.{keys.fingerprint(self._key)}",
            "sub": self._subject,
            "iat": now,
            "exp": now + JWT_LIFETIME,
        }
        return jwt.encode(claims, self._key, algorithm="RS256"), RENEW_JWT_AFTER


class OAuthCredentials:
    """Fetches access tokens by a grant that needs nobody at a browser."""

    def __init__(self, grant: dict[str, str], url: str) -> None:
        self._grant = grant
        self._url = url
        self._token = _Renewed(self._fetch)

    def driver_arguments(self) -> dict[str, Any]:
        return {"authenticator": "oauth", "token": self._token.get()}

    def bearer(self) -> Bearer:
        return Bearer(self._token.get(), "OAUTH")

    def renew(self) -> bool:
        return self._token.drop()

    def _fetch(self) -> tuple[str, float]:
        try:
            answer = httpx.post(self._url, data=self._grant, timeout=60)
            body = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        except (httpx.HTTPError, ValueError) as error:
            raise self._unreachable(str(error)) from error
        if answer.is_server_error:
            raise self._unreachable(f"HTTP {answer.status_code}")
        if "access_token" not in body:
            raise self._refused(answer.status_code, body)
        self._grant |= {name: body[name] for name in ("refresh_token",) if name in body}
        return body["access_token"], float(body.get("expires_in", 600)) - SPARE_SECONDS

    def _unreachable(self, reason: str) -> VendorOutageError:
        return VendorOutageError(
            "TAJO-503",
            f"the token endpoint {self._url} did not answer: {reason}",
            "Check auth.token_url and the network.",
        )

    def _refused(self, status: int, body: dict[str, Any]) -> AuthenticationError:
        reason = str(body.get("error", status))
        next_step = "Check auth.client_id, auth.client_secret and auth.scope."
        if reason == "unsupported_grant_type":
            next_step = (
                "Snowflake's own endpoint gives no client-credentials tokens: set auth.token_url "
                "to your identity provider's (External OAuth), or use oauth_refresh_token."
            )
        return AuthenticationError(
            "TAJO-202",
            f"{self._url} gave no token ({reason}): "
            f"{body.get('error_description') or body.get('message') or 'no reason'}",
            next_step,
        )


class ReadyToken:
    """A programmatic access token, or an OAuth token that somebody else made."""

    def __init__(self, token: str, method: str) -> None:
        self._token = token
        self._kind = "PROGRAMMATIC_ACCESS_TOKEN" if method == "pat" else "OAUTH"

    def driver_arguments(self) -> dict[str, Any]:
        authenticator = "oauth" if self._kind == "OAUTH" else self._kind
        return {"authenticator": authenticator, "token": self._token}

    def bearer(self) -> Bearer:
        return Bearer(self._token, self._kind)

    def renew(self) -> bool:
        return False


class PasswordCredentials:
    """A password, which the driver alone can use."""

    def __init__(self, password: str) -> None:
        self._password = password

    def driver_arguments(self) -> dict[str, Any]:
        return {"password": self._password, "authenticator": "snowflake"}

    def bearer(self) -> Bearer:
        raise ConfigurationError(
            "TAJO-132",
            "the SQL API takes no password",
            "Use transport: connector, or another auth.method.",
        )

    def renew(self) -> bool:
        return False


class _Renewed:
    """A token made when it is first wanted, and again when it has grown old; threads share it."""

    def __init__(self, make: Callable[[], tuple[str, float]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._token: str | None = None
        self._good_until = 0.0

    def get(self) -> str:
        with self._lock:
            if self._token is None or time.monotonic() >= self._good_until:
                self._token, seconds = self._make()
                self._good_until = time.monotonic() + seconds
            return self._token

    def drop(self) -> bool:
        with self._lock:
            self._token = None
        return True


def _grant(
    auth: OAuthClientCredentials | OAuthRefreshToken, snowflake: Snowflake
) -> dict[str, str]:
    grant = {"client_id": auth.client_id.reveal(), "client_secret": auth.client_secret.reveal()}
    if isinstance(auth, OAuthRefreshToken):
        return grant | {
            "grant_type": "refresh_token",
            "refresh_token": auth.refresh_token.reveal(),
        }
    scope = auth.scope or (f"session:role:{snowflake.role}" if snowflake.role else None)
    return grant | {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
