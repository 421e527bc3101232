"""What Brevo answers when it says no, told as one of our errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tajo_sf_pipeline.errors import (
    AuthenticationError,
    PermissionDeniedError,
    RefusedError,
    TajoError,
    VendorOutageError,
)

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_OURS_TO_RETRY = {425, 429}
_SERVER = 500
_UNKNOWN_ADDRESS = re.compile(r"unrecognised IP address (\S+)")


@contextmanager
def told(base_url: str) -> Iterator[None]:
    """Raise httpx's errors as ours; a refusal keeps Brevo's own code and message."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _refusal(error.response, base_url) from error
    except httpx.HTTPError as error:
        raise VendorOutageError(
            "TAJO-511",
            f"Brevo at {base_url} did not answer: {error or type(error).__name__}",
            "Check connectors.brevo.base_url and the network, then run the same date again; what "
            "Brevo has confirmed is not sent twice.",
        ) from error


def _refusal(answer: httpx.Response, base_url: str) -> TajoError:
    status = answer.status_code
    code, message = _said(answer)
    what = f"{answer.request.method} {answer.request.url.path}"
    if status == _UNAUTHORIZED and (unknown := _UNKNOWN_ADDRESS.search(message)):
        return PermissionDeniedError(
            "TAJO-312",
            f"Brevo refuses this machine's address {unknown[1]}",
            "Authorise it under Security > Authorised IPs in Brevo, or unblock unknown addresses.",
        )
    if status == _UNAUTHORIZED:
        return AuthenticationError(
            "TAJO-211",
            f"Brevo at {base_url} does not accept the key: {message}",
            "Check connectors.brevo.api_key (an SMTP key is not an API key).",
        )
    if status == _FORBIDDEN:
        return PermissionDeniedError(
            "TAJO-311", f"Brevo does not allow {what}: {message}", "Ask for that right in Brevo."
        )
    if status >= _SERVER or status in _OURS_TO_RETRY:
        return VendorOutageError(
            "TAJO-512",
            f"Brevo answered {what} with {status} for as long as we tried: {message}",
            "Run the same date again later; what Brevo has confirmed is not sent twice.",
        )
    return RefusedError(
        "TAJO-411",
        f"Brevo refused {what} ({status} {code}): {message}",
        "Correct what the message names.",
        reason=f"{code}: {message}" if code else message,
    )


def _said(answer: httpx.Response) -> tuple[str, str]:
    """Read `code` and `message`; the body of an error need not be JSON (a proxy's page)."""
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return "", " ".join(answer.text.split())[:200] or answer.reason_phrase
    told_metadata = f" {body['metadata']}" if body.get("metadata") else ""
    return str(body.get("code", "")), f"{body.get('message', '')}{told_metadata}"
