"""What Snowflake's driver raises, told as one of our errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    IncompleteError,
    PermissionDeniedError,
    TajoError,
    VendorOutageError,
)

# docs.snowflake.com: user-guide/key-pair-auth-troubleshooting, user-guide/oauth-ext-overview;
# from 250000 on the numbers are the driver's own (snowflake/connector/errorcode.py).
_BAD_CREDENTIALS = {390100, 390144, 390303, 390318, *range(394300, 394308), 394400}
_NETWORK_POLICY = "is not allowed to access Snowflake"
_RESOURCE_MONITOR = "resource monitor"
_NO_RIGHT = {3001, 3030}
_NOT_FOUND = {2003, 2043}
_STATEMENT_TIMED_OUT = {604, 630}
_INCOMPLETE_CHUNK = 252013
_DRIVERS_OWN = range(250000, 300000)
_UNAUTHORIZED, _FORBIDDEN, _NO_SUCH_PLACE, _TIMED_OUT = 401, 403, 404, 408
_OUTAGES = frozenset({429, 500, 502, 503, 504})
# The driver adds its own number twice to the status of an answer (4.8.1, errors.py).
_HTTP_OUTAGES = frozenset(580_000 + status for status in _OUTAGES)
# Snowflake takes a JWT that is at most a minute off its own clock.
_TOLERATED_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Said:
    """What Snowflake said, by either transport."""

    number: int
    text: str
    sqlstate: str | None = None
    query_id: str | None = None


@contextmanager
def translate_errors(snowflake: Snowflake, what: str) -> Iterator[None]:
    """Raise the driver's errors as ours, by their numbers; `what` says what was being run."""
    from snowflake.connector.errors import Error

    try:
        yield
    except Error as error:
        number = error.errno if isinstance(error.errno, int) else 0
        text = " ".join(str(error.raw_msg or error).split())
        drivers = number in _DRIVERS_OWN and number != _INCOMPLETE_CHUNK and not _by_text(text)
        if drivers or number in _HTTP_OUTAGES:
            raise no_answer(snowflake, text) from error
        said = _Said(number, text, error.sqlstate, error.sfqid)
        raise _translated(said, snowflake, what) from error


def refusal(answer: httpx.Response, snowflake: Snowflake, what: str) -> TajoError:
    """Return the REST API's error as ours; its body need not be JSON."""
    status = answer.status_code
    said = _read(answer)
    if status in _OUTAGES or (status == _NO_SUCH_PLACE and not said.number):
        return no_answer(snowflake, f"HTTP {status}: {said.text}")
    if status == _TIMED_OUT:
        said = replace(said, number=min(_STATEMENT_TIMED_OUT))
    if status == _FORBIDDEN and not _by_text(said.text):
        return PermissionDeniedError(
            "TAJO-301",
            f"Snowflake at {_place(snowflake)} forbids the SQL API: {said.text}",
            "Ask for access to it, or use transport: connector.",
        )
    unknown_reason = status == _UNAUTHORIZED and not _by_text(said.text)
    error = _unauthorized(said, snowflake) if unknown_reason else _translated(said, snowflake, what)
    if isinstance(error, AuthenticationError) and (skew := _skew(answer)) > _TOLERATED_SKEW:
        error.next_step = f"This machine's clock is {skew} off Snowflake's: set it (NTP)."
        error.args = (f"{error.code} {error.happened}\n{error.next_step}",)
    return error


def no_answer(snowflake: Snowflake, text: str) -> VendorOutageError:
    return VendorOutageError(
        "TAJO-501",
        f"Snowflake at {_place(snowflake)} did not answer: {text}",
        "Check connectors.snowflake.account and the network, then run the same date again.",
    )


def incomplete(query_id: str, what: str, declared: int, delivered: int) -> IncompleteError:
    return IncompleteError(
        "TAJO-701",
        f"Snowflake declared {declared} rows for {what} of statement {query_id} and delivered "
        f"{delivered}",
        "Nothing was planned or sent. Run the same date again; if it stays so, look the statement "
        "up in Snowflake's query history.",
    )


def _by_text(text: str) -> bool:
    """Tell the refusals that have no number of their own."""
    return _NETWORK_POLICY in text or _RESOURCE_MONITOR in text.lower()


def _place(snowflake: Snowflake) -> str:
    return snowflake.host or snowflake.account


def _read(answer: httpx.Response) -> _Said:
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return _Said(0, " ".join(answer.text.split())[:200] or answer.reason_phrase)
    code = str(body.get("code", ""))
    return _Said(
        int(code) if code.isdigit() else 0,
        " ".join(str(body.get("message", "")).split()),
        body.get("sqlState"),
        body.get("statementHandle"),
    )


def _skew(answer: httpx.Response) -> timedelta:
    try:
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return timedelta()
    return timedelta(seconds=round(abs((datetime.now(UTC) - theirs).total_seconds())))


def _unauthorized(said: _Said, snowflake: Snowflake) -> AuthenticationError:
    return AuthenticationError(
        "TAJO-201",
        f"Snowflake at {_place(snowflake)} does not accept the credentials ({said.number}): "
        f"{said.text}",
        "Check connectors.snowflake.user and auth, this machine's clock, and that the public key "
        "is registered: DESC USER shows RSA_PUBLIC_KEY_FP.",
    )


def _translated(said: _Said, snowflake: Snowflake, what: str) -> TajoError:
    number, text = said.number, said.text
    role = snowflake.role or "(default)"
    if _NETWORK_POLICY in text:
        return PermissionDeniedError(
            "TAJO-302",
            f"Snowflake's network policy keeps this machine out: {text}",
            "Add this machine's address to the network policy of the user or the account.",
        )
    if _RESOURCE_MONITOR in text.lower():
        return PermissionDeniedError(
            "TAJO-303",
            f"the warehouse {snowflake.warehouse} is suspended by its resource monitor: {text}",
            "Raise the monitor's quota, or wait for its next interval.",
        )
    if number in _BAD_CREDENTIALS:
        return _unauthorized(said, snowflake)
    if number in _NO_RIGHT:
        return PermissionDeniedError(
            "TAJO-301",
            f"the role {role} may not run {what}: {text}",
            "Grant the right that is named, or set connectors.snowflake.role.",
        )
    if number in _NOT_FOUND:
        return ConfigurationError(
            "TAJO-123",
            f"{what} names something that is not there, or not for the role {role}: {text}",
            "Correct the name in the SQL, or grant USAGE and SELECT on it.",
        )
    if number in _STATEMENT_TIMED_OUT:
        return VendorOutageError(
            "TAJO-502",
            f"{what} ran longer than statement_timeout ({snowflake.statement_timeout} s): {text}",
            "Raise connectors.snowflake.statement_timeout, use a larger warehouse, or read less.",
        )
    if number == _INCOMPLETE_CHUNK:
        return IncompleteError(
            "TAJO-701", f"a part of {what} did not arrive whole: {text}", "Run the date again."
        )
    return ConfigurationError(
        "TAJO-124",
        f"Snowflake refused {what} ({number:06d}, SQL state {said.sqlstate}, query "
        f"{said.query_id or 'not started'}): {text}",
        "Correct the statement.",
    )
