"""Signing requests: an API key, or OAuth tokens that renew themselves."""

import hashlib
import threading
import time
from typing import Protocol
from urllib.parse import urljoin

import httpx

from tajo_sf_pipeline.config.settings import Brevo, BrevoOAuth
from tajo_sf_pipeline.errors import (
    AuthenticationError,
    PermissionDeniedError,
    TajoError,
    VendorOutageError,
)

# developers.brevo.com/docs/oauth-scopes: at the root of the host, not under /v3.
_TOKEN_PATH = "/realms/partner/oauth/token"  # noqa: S105 - a path
# A token is renewed when a minute of its life is left: a request may take as long.
_SPARE_SECONDS = 60.0
_UNSAID_SECONDS = 600.0  # of a token that does not say how long it lives


class Credentials(Protocol):
    """A way to sign requests."""

    fingerprint: str
    """Stands for the credential where it must not be read: file names."""

    def headers(self) -> dict[str, str]:
        """Return what signs a request that goes out now."""

    def renew(self) -> bool:
        """Drop a token that was refused; tell whether the next one may be better."""


def credentials_of(brevo: Brevo) -> Credentials:
    if brevo.oauth:
        url = brevo.oauth.token_url or urljoin(brevo.base_url, _TOKEN_PATH)
        return ClientCredentials(brevo.oauth, url)
    assert brevo.api_key
    return ApiKey(brevo.api_key.reveal())


class ApiKey:
    """A key that may do everything."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.fingerprint = _fingerprint(key)

    def headers(self) -> dict[str, str]:
        return {"api-key": self._key}

    def renew(self) -> bool:
        return False


class ClientCredentials:
    """Fetches an access token when one is first wanted, and again when it grows old."""

    def __init__(self, oauth: BrevoOAuth, url: str) -> None:
        client_id = oauth.client_id.reveal()
        self.fingerprint = _fingerprint(client_id)
        self._url = url
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": oauth.client_secret.reveal(),
            **({"scope": oauth.scope} if oauth.scope else {}),
        }
        self._lock = threading.Lock()
        self._token: str | None = None
        self._good_until = 0.0

    def headers(self) -> dict[str, str]:
        with self._lock:
            if self._token is None or time.monotonic() >= self._good_until:
                self._token, seconds = self._fetch()
                # One that lives less than twice the spare time is used for half its life.
                spare = min(_SPARE_SECONDS, seconds / 2)
                self._good_until = time.monotonic() + seconds - spare
            return {"authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        with self._lock:
            self._token = None
        return True

    def _fetch(self) -> tuple[str, float]:
        try:
            answer = httpx.post(self._url, data=self._form, timeout=60)
            body = answer.json()
        except httpx.HTTPError as error:
            raise self._silent(str(error) or type(error).__name__) from error
        except ValueError:
            body = {}
        if answer.is_server_error:
            raise self._silent(f"HTTP {answer.status_code}")
        if not isinstance(body, dict) or "access_token" not in body:
            raise self._refused(answer.status_code, body if isinstance(body, dict) else {})
        return str(body["access_token"]), float(body.get("expires_in", _UNSAID_SECONDS))

    def _silent(self, reason: str) -> VendorOutageError:
        return VendorOutageError(
            "TAJO-515",
            f"Brevo's token endpoint {self._url} gave no usable answer: {reason}",
            "Check connectors.brevo.base_url and oauth.token_url, and the network.",
        )

    def _refused(self, status: int, body: dict[str, object]) -> TajoError:
        reason = str(body.get("error") or body.get("code") or status)
        message = body.get("error_description") or body.get("message") or "no reason"
        if reason == "invalid_scope":
            return PermissionDeniedError(
                "TAJO-313",
                f"{self._url} does not grant the scope {self._form.get('scope')!r}: {message}",
                "Grant it to the OAuth app in Brevo, or correct connectors.brevo.oauth.scope.",
            )
        return AuthenticationError(
            "TAJO-213",
            f"{self._url} gave no token ({reason}): {message}",
            "Check connectors.brevo.oauth.client_id and client_secret.",
        )


def _fingerprint(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()[:16]
