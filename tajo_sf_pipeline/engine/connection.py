"""A connection to Brevo that is opened when it is first asked for: most runs need none."""

from collections.abc import Callable
from contextlib import ExitStack

from tajo_sf_pipeline.brevo.client import Client


class Connection:
    """Gives the one client of a run, and counts its calls; `stack` closes it."""

    def __init__(self, opened: Callable[[], Client], stack: ExitStack) -> None:
        self._opened = opened
        self._stack = stack
        self._client: Client | None = None

    def __call__(self) -> Client:
        if self._client is None:
            self._client = self._stack.enter_context(self._opened())
        return self._client

    @property
    def calls(self) -> int:
        return self._client.calls if self._client else 0
