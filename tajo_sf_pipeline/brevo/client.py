"""A connection to one Brevo account: refusals raised as errors, limits and outages waited out."""

import functools
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import stamina

from tajo_sf_pipeline import __version__
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.brevo.budget import Budget
from tajo_sf_pipeline.brevo.credentials import credentials_of
from tajo_sf_pipeline.brevo.error_translation import (
    certificate,
    refusal,
    silence,
    uncertain,
    unreadable,
)
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.errors import VendorOutageError

_UNAUTHORIZED, _TOO_EARLY, _TOO_MANY, _SERVER = 401, 425, 429, 500
# The slowest bucket (100 requests an hour) is full again within the hour:
# developers.brevo.com/docs/api-limits.
_LIMIT_PATIENCE = 70 * 60.0
# These never reached Brevo, so that nothing has been carried out.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates of this machine's authorities, read once: reading is slow."""
    return httpx.create_ssl_context()


class Client:
    """Sends requests within the account's rate budget, and counts them in `calls`.

    Threads may share it. A 429 is waited out, never raised (S13). 425, 5xx and lost connections
    are tried again for `patience` seconds, but a write that is not `repeatable` only where it
    certainly was not carried out; else `UncertainError` is raised. `budget` is the folder that the
    processes of a machine share.
    """

    def __init__(self, brevo: Brevo, *, budget: Path | None, path: Lane = "incremental") -> None:
        self._patience = brevo.patience
        self._base_url = brevo.base_url.rstrip("/")
        self._credentials = credentials_of(brevo)
        self._budget = Budget(
            self._credentials.fingerprint,
            plan=brevo.plan,
            share=brevo.share,
            folder=brevo.budget or budget,
            path=path,
        )
        self._http = httpx.Client(
            headers={
                "accept": "application/json",
                "user-agent": f"tajo_sf_pipeline/{__version__}",
            },
            timeout=httpx.Timeout(60, connect=10),
            verify=_trusted(),
        )
        self._counting = threading.Lock()
        self.calls = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()
        self._budget.close()

    @property
    def reported_limits(self) -> dict[str, int]:
        """What Brevo's answers called the limit of each bucket, as far as they did."""
        return self._budget.reported_limits

    def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """Return the JSON object of the answer."""
        answer = self._answered("GET", path, parameters=parameters)
        document = _json(answer)
        if not isinstance(document, dict):
            raise unreadable(answer)
        return document

    def pages(
        self, path: str, name: str, size: int, **parameters: str | int
    ) -> Iterator[dict[str, Any]]:
        """Yield what a listing has under `name`, page after page as long as somebody asks.

        `size` is the most that the listing gives at once; a shorter page is its last.
        """
        offset = 0
        while True:
            page = self.get(path, limit=size, offset=offset, **parameters).get(name) or []
            yield from page
            offset += len(page)
            if len(page) < size:
                return

    def post(self, path: str, body: bytes, *, repeatable: bool = True) -> Any:
        """Send a body that is JSON already; return the answer's JSON, or None where it has none."""
        return _json(self._answered("POST", path, body, repeatable=repeatable))

    def number(self, path: str, body: bytes, name: str, *, repeatable: bool = True) -> int:
        """Post, and return the number that the answer has under `name`: the id of what is new."""
        answer = self._answered("POST", path, body, repeatable=repeatable)
        document = _json(answer)
        if not isinstance(document, dict) or not isinstance(document.get(name), int):
            raise unreadable(answer)
        return int(document[name])

    def put(self, path: str, body: bytes, **parameters: str | int) -> None:
        self._answered("PUT", path, body, parameters)

    def delete(self, path: str, **parameters: str | int) -> None:
        self._answered("DELETE", path, parameters=parameters)

    def download(self, url: str) -> str:
        """Return a report's text; its address is its own key, so ours does not travel with it."""
        # What follows the question mark lets anybody read the report.
        with _translate_errors(url.partition("?")[0]):
            for attempt in _attempts(self._patience):
                with attempt:
                    report = httpx.get(url, timeout=60, follow_redirects=True, verify=_trusted())
                    return report.raise_for_status().content.decode("utf-8-sig")
        raise AssertionError  # the last attempt raises or returns

    def _answered(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        parameters: dict[str, str | int] | None = None,
        *,
        repeatable: bool = True,
    ) -> httpx.Response:
        def request() -> httpx.Request:
            headers = {"content-type": "application/json"} if body is not None else {}
            return self._http.build_request(
                method,
                self._base_url + path,
                params=parameters or None,
                content=body,
                headers=headers,
            )

        on = _is_outage if repeatable else _is_harmless
        with _translate_errors(self._base_url, repeatable=repeatable):
            for attempt in _attempts(self._patience, on):
                with attempt:
                    return self._signed(request).raise_for_status()
        raise AssertionError  # the last attempt raises or returns

    def _signed(self, request: Callable[[], httpx.Request]) -> httpx.Response:
        """Send with a token; one that is refused is renewed, once."""
        answer = self._limited(request)
        if answer.status_code == _UNAUTHORIZED and self._credentials.renew():
            answer = self._limited(request)
        return answer

    def _limited(self, request: Callable[[], httpx.Request]) -> httpx.Response:
        """Send when the budget has room, and again after a 429."""
        give_up = time.monotonic() + _LIMIT_PATIENCE
        while True:
            ready = request()
            ready.headers.update(self._credentials.headers())
            with self._budget.slot(urlsplit(str(ready.url)).path) as slot:
                with self._counting:
                    self.calls += 1
                answer = self._http.send(ready)
                slot.answered(answer.status_code, answer.headers)
            if answer.status_code != _TOO_MANY or time.monotonic() > give_up:
                return answer


def _json(answer: httpx.Response) -> Any:
    """Return a body's JSON, or None where there is none (204)."""
    if not answer.content.strip():
        return None
    try:
        return answer.json()
    except ValueError:
        raise unreadable(answer) from None


def _attempts(
    patience: float, on: Callable[[Exception], bool] | None = None
) -> Iterator[stamina.Attempt]:
    """Try for `patience` seconds; without any, once."""
    attempts, timeout = (None, patience) if patience else (1, None)
    return iter(
        stamina.retry_context(
            on=on or _is_outage, attempts=attempts, timeout=timeout, wait_initial=0.2, wait_max=30
        )
    )


@contextmanager
def _translate_errors(where: str, *, repeatable: bool = True) -> Iterator[None]:
    """Raise httpx's errors as ours."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        if not repeatable and error.response.status_code >= _SERVER:
            raise uncertain(error.request, f"HTTP {error.response.status_code}") from error
        raise refusal(error.response, where) from error
    except httpx.HTTPError as error:
        if not repeatable and not isinstance(error, _UNSENT):
            raise uncertain(error.request, str(error) or type(error).__name__) from error
        raise silence(error, where) from error


def _is_outage(error: Exception) -> bool:
    """Return whether it may be better a moment later; a certificate will be the same."""
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= _SERVER or status == _TOO_EARLY
    if isinstance(error, httpx.TransportError):
        return not certificate(error)
    return isinstance(error, VendorOutageError)


def _is_harmless(error: Exception) -> bool:
    """Return whether it is an outage in which certainly nothing was carried out."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == _TOO_EARLY
    return _is_outage(error) and isinstance(error, (*_UNSENT, VendorOutageError))
