"""A connection to one Brevo account: refusals told as errors, limits and outages waited out."""

from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import httpx
import stamina

from tajo_sf_pipeline.brevo.refusals import told
from tajo_sf_pipeline.settings import Brevo

_TOO_EARLY, _TOO_MANY, _SERVER = 425, 429, 500
# The slowest bucket (100 requests an hour) is full again within the hour:
# developers.brevo.com/docs/api-limits.
_LIMIT_PATIENCE = timedelta(minutes=70)


class Client:
    """Sends requests in the order in which it is asked, and counts them in `calls`.

    A 429 is waited out, never raised (S13). 425, 5xx and lost connections are tried again for
    `patience` seconds: every write of this product is an upsert, which may be repeated.
    """

    def __init__(self, brevo: Brevo) -> None:
        self._patience = brevo.patience
        self._base_url = brevo.base_url.rstrip("/")
        self._http = httpx.Client(
            headers={"api-key": brevo.api_key.reveal(), "accept": "application/json"},
            timeout=httpx.Timeout(60, connect=10),
        )
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

    def get(self, path: str, **parameters: str | int) -> Any:
        """Give the JSON of the answer."""
        url = self._base_url + path
        return self._sent(lambda: self._http.get(url, params=parameters)).json()

    def post(self, path: str, body: bytes) -> Any:
        """Send a body that is JSON already; give the answer's JSON, or None where it has none."""
        headers = {"content-type": "application/json"}
        url = self._base_url + path
        answer = self._sent(lambda: self._http.post(url, content=body, headers=headers))
        return answer.json() if answer.content else None

    def download(self, url: str) -> str:
        """Give a report's text; its address is its own key, so ours does not travel with it."""
        return self._sent(lambda: httpx.get(url, timeout=60, follow_redirects=True)).text

    def _sent(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        with told(self._base_url):
            for limited in stamina.retry_context(
                on=_seconds_to_wait, attempts=None, timeout=_LIMIT_PATIENCE, wait_max=60
            ):
                with limited:
                    for attempt in stamina.retry_context(
                        on=_is_outage, attempts=None, timeout=self._patience, wait_max=30
                    ):
                        with attempt:
                            self.calls += 1
                            return request().raise_for_status()
        raise AssertionError  # the last attempt raises or returns


def _seconds_to_wait(error: Exception) -> bool | float:
    """Read from a 429 when the bucket is full again; its header is relative, not an epoch."""
    if not isinstance(error, httpx.HTTPStatusError) or error.response.status_code != _TOO_MANY:
        return False
    headers = error.response.headers
    told_seconds = headers.get("x-sib-ratelimit-reset") or headers.get("retry-after")
    try:
        return max(float(told_seconds), 0.1)
    except (TypeError, ValueError):
        return True


def _is_outage(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= _SERVER or status == _TOO_EARLY
    return isinstance(error, httpx.TransportError)
