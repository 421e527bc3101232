"""Requests to Snowflake's REST API: signed, repeated where that is safe, refusals told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import stamina

from tajo_sf_pipeline import __version__
from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline.sources.snowflake.credentials import Credentials, base_url
from tajo_sf_pipeline.sources.snowflake.error_translation import no_answer, refusal

_UNAUTHORIZED, _TOO_MANY = 401, 429
_OUTAGES = frozenset({500, 502, 503, 504})


class Rest:
    """Speaks to one account.

    429, 5xx and lost connections are repeated with growing, jittered pauses for
    `network_timeout` seconds; a refused token is renewed once.
    """

    def __init__(self, snowflake: Snowflake, credentials: Credentials) -> None:
        self._snowflake = snowflake
        self._credentials = credentials
        self._http = httpx.Client(
            base_url=base_url(snowflake),
            headers={
                "Accept": "application/json",
                "User-Agent": f"tajo_sf_pipeline/{__version__}",
            },
            timeout=httpx.Timeout(60, connect=min(snowflake.login_timeout, 30)),
        )

    def submit(self, path: str, body: dict[str, Any], request_id: str, origin: str) -> Any:
        """Submit a statement to run asynchronously.

        The request id is made before the first attempt and says ``retry=true`` in every other, so
        that a lost answer never runs a statement twice
        (docs.snowflake.com/en/developer-guide/sql-api/submitting-requests).
        """
        parameters = {"async": "true", "nullable": "true", "requestId": request_id}

        def post(attempt: int) -> httpx.Request:
            again = {"retry": "true"} if attempt > 1 else {}
            return self._http.build_request("POST", path, params=parameters | again, json=body)

        return self._answered(post, origin).json()

    def get(self, path: str, origin: str, **parameters: str | int) -> httpx.Response:
        """Read a statement's state, or one ``partition`` of its result.

        While a statement runs, 429 says the same as 202: it is asked again, later.
        """
        return self._answered(
            lambda _attempt: self._http.build_request("GET", path, params=parameters), origin
        )

    def cancel(self, path: str) -> None:
        """Cancel a statement: one attempt, for who cancels is leaving."""
        with self._translate_errors("the cancellation"):
            self._signed(self._http.build_request("POST", path, timeout=5))

    def close(self) -> None:
        self._http.close()

    def _answered(self, request: Callable[[int], httpx.Request], origin: str) -> httpx.Response:
        with self._translate_errors(origin):
            for attempt in stamina.retry_context(
                on=_passes, attempts=None, timeout=self._snowflake.network_timeout, wait_max=30
            ):
                with attempt:
                    return self._signed(request(attempt.num))
        raise AssertionError  # the last attempt raises or returns

    def _signed(self, request: httpx.Request) -> httpx.Response:
        """Send with a token; one that is refused is renewed, once."""
        answer = self._send(request)
        if answer.status_code == _UNAUTHORIZED and self._credentials.renew():
            answer = self._send(request)
        return answer.raise_for_status()

    def _send(self, request: httpx.Request) -> httpx.Response:
        bearer = self._credentials.bearer()
        request.headers["Authorization"] = f"Bearer {bearer.value}"
        # Spec and documentation disagree on what is assumed without it.
        request.headers["X-Snowflake-Authorization-Token-Type"] = bearer.kind
        return self._http.send(request)

    @contextmanager
    def _translate_errors(self, origin: str) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            raise refusal(error.response, self._snowflake, origin) from error
        except httpx.HTTPError as error:
            raise no_answer(self._snowflake, str(error) or type(error).__name__) from error


def _passes(error: Exception) -> bool | float:
    """Tell what may be better a moment later, and when; a body cut short is a `RequestError` too.

    A token endpoint that does not answer is one of our own errors already.
    """
    if isinstance(error, httpx.HTTPStatusError):
        told_seconds = error.response.headers.get("retry-after", "")
        return error.response.status_code in _OUTAGES | {_TOO_MANY} and (
            float(told_seconds) if told_seconds.isdigit() else True
        )
    return isinstance(error, httpx.RequestError | VendorOutageError)
