"""What Brevo answers when it says no, as one of our errors."""

import re
import ssl
from typing import Any
from urllib.parse import unquote

import httpx

from tajo_sf_pipeline.errors import (
    AuthenticationError,
    PermissionDeniedError,
    RateLimitError,
    RefusedError,
    TajoError,
    UncertainError,
    VendorOutageError,
)
from tajo_sf_pipeline.telemetry.masking import masked

_UNAUTHORIZED, _NO_CREDIT, _FORBIDDEN, _NOT_FOUND = 401, 402, 403, 404
_TOO_EARLY, _TOO_MANY, _SERVER = 425, 429, 500
_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
# A contact is named in the path of its own calls: nothing else has an identifier's type beside it.
_CONTACT = re.compile(r"(/contacts/)([^/?]+)(?=\?.*identifierType=)")
_UNKNOWN_ADDRESS = re.compile(r"unrecognised IP address (\S+)")
# The code of a conflict has changed before (`duplicate_parameter`, then `invalid_parameter`): its
# metadata and its words are what can be relied on.
_TAKEN = re.compile(r"(\w+) is already associated with another contact", re.IGNORECASE)


def refusal(answer: httpx.Response, where: str) -> TajoError:
    """Return our error for an answer that is not 2xx, with Brevo's code, message and metadata."""
    status = answer.status_code
    body = _body(answer)
    code, message = str(body.get("code") or ""), _message(answer, body)
    what = called(answer.request)
    if status == _UNAUTHORIZED:
        return _unauthorized(message, where)
    if status == _FORBIDDEN:
        return PermissionDeniedError(
            "TAJO-311",
            f"Brevo does not allow {what}: {message}",
            "Ask for that right in Brevo, or for the feature in the account's plan.",
        )
    if status == _TOO_MANY:
        return RateLimitError(
            "TAJO-518",
            f"Brevo answered {what} with 429 for longer than an hour: {message}",
            "Something else uses up the account's limits: see connectors.brevo.share and plan.",
        )
    if status >= _SERVER or status == _TOO_EARLY:
        return VendorOutageError(
            "TAJO-512",
            f"Brevo answered {what} with {status} for as long as we tried: {message}",
            "Run the same date again later; what Brevo has confirmed is not sent twice.",
        )
    number, next_step = _kind_of_refusal(status, taken(body))
    return RefusedError(
        number,
        f"Brevo refused {what} ({status} {code}): {message}",
        next_step,
        reason=f"{code}: {message}" if code else message,
        status=status,
        answer=body,
    )


def taken(body: dict[str, Any]) -> tuple[str, ...]:
    """Return, lower-cased, the identifiers that another contact has already."""
    metadata = body.get("metadata")
    named = metadata.get("duplicate_identifiers") if isinstance(metadata, dict) else None
    if isinstance(named, list):
        return tuple(str(name).lower() for name in named)
    match = _TAKEN.search(str(body.get("message") or ""))
    return (match[1].lower(),) if match else ()


def called(request: httpx.Request) -> str:
    """Return a call's name, without the address of the contact that it may be about (S14)."""
    url = request.url.raw_path.decode("ascii")
    masked_url = _CONTACT.sub(lambda match: match[1] + masked(unquote(match[2])), url)
    return f"{request.method} {masked_url.partition('?')[0]}"


def silence(error: httpx.HTTPError, where: str) -> TajoError:
    """Return the error of an answer that did not come, or of a certificate that is not valid."""
    if failed := certificate(error):
        return VendorOutageError(
            "TAJO-514",
            f"the certificate that {where} shows does not verify: {failed.verify_message}",
            "Check connectors.brevo.base_url; behind a proxy that opens TLS, let SSL_CERT_FILE "
            "name its authority.",
        )
    return VendorOutageError(
        "TAJO-511",
        f"Brevo at {where} did not answer: {error or type(error).__name__}",
        "Check connectors.brevo.base_url and the network, then run the same date again; what "
        "Brevo has confirmed is not sent twice.",
    )


def uncertain(request: httpx.Request, why: str) -> UncertainError:
    return UncertainError(
        "TAJO-513",
        f"the answer to {called(request)} was lost ({why}): Brevo may have carried it out",
        "Look in Brevo whether it is there before it is sent again.",
    )


def unreadable(answer: httpx.Response) -> VendorOutageError:
    """Return the error of a success without JSON: what answers is not Brevo's API."""
    return VendorOutageError(
        "TAJO-516",
        f"{answer.request.url.host} answered {called(answer.request)} "
        f"with {answer.status_code} and no JSON: {_page(answer)}",
        "Check connectors.brevo.base_url (it ends with /v3), and whether a proxy answers for it.",
    )


def certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the certificate that does not verify behind a connection that failed."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _unauthorized(message: str, where: str) -> TajoError:
    if unknown := _UNKNOWN_ADDRESS.search(message):
        return PermissionDeniedError(
            "TAJO-312",
            f"Brevo refuses this machine's address {unknown[1].rstrip('.')}",
            "Authorise it under Security > Authorised IPs in Brevo, or unblock unknown addresses.",
        )
    return AuthenticationError(
        "TAJO-211",
        f"Brevo at {where} does not accept the credentials: {message}",
        "Check connectors.brevo.api_key (an SMTP key is not an API key) or oauth.",
    )


def _kind_of_refusal(status: int, duplicates: tuple[str, ...]) -> tuple[str, str]:
    if duplicates:
        return "TAJO-412", (
            "Another contact has it: merge or correct the two in Brevo, or in the source."
        )
    if status == _NO_CREDIT:
        return "TAJO-413", "Buy credits in Brevo, or wait for the next period's."
    if status == _NOT_FOUND:
        return "TAJO-414", "It is not in Brevo, or not any more: correct its name or id."
    return "TAJO-411", "Correct what the message names."


def _body(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; empty where it has none, as a proxy's page."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _message(answer: httpx.Response, body: dict[str, Any]) -> str:
    text = str(body.get("message") or (not body and _page(answer)) or answer.reason_phrase)
    text = _EMAIL.sub(lambda match: masked(match[0]), text)
    return f"{text} {body['metadata']}" if body.get("metadata") else text


def _page(answer: httpx.Response) -> str:
    """Return the beginning of a page's words, without its tags."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", answer.text, flags=re.DOTALL)
    return " ".join(text.split())[:200]
