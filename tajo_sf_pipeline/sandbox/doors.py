"""Who may come in: nobody by a name that is not ours, and no page of another origin.

A page in somebody's browser may send what it likes to this machine, and a name that it owns may
lead here; neither may fill, empty or read the local servers.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

NAMES = ("127.0.0.1", "localhost", "::1")
_READS = ("GET", "HEAD")


class Doors:
    """Answers 403 to what comes in by another name or from a page of another origin."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = {name.lower() for name in (*NAMES, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := self._refusal(scope)):
            refused = {"code": "permission_denied", "message": reason}
            await JSONResponse(refused, 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        """Return why the request may not come in; None lets it."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(host) not in self._names:
            return f"Host is {host!r}: call {' or '.join(NAMES)}, or start with --allowed-host."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return f"Origin is {origin!r}: pages of other origins may not call this server."
        # Without Origin, a browser still says that it is another page's form which it sends.
        site = headers.get("sec-fetch-site", "same-origin")
        if scope["method"] not in _READS and site not in {"same-origin", "none"}:
            return f"Sec-Fetch-Site is {site!r}: pages of other origins may not call this server."
        return None


def _name(host: str) -> str | None:
    """Return the name without its port, and without the brackets of IPv6."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
