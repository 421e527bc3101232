"""Ending a connection without an answer, as a proxy or a cable does."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response


async def hang_up(request: Request) -> Response:
    """Cut the connection; the response that this gives is never sent."""
    # ASGI has no word for it, but uvicorn's `receive` is bound to what holds the transport.
    cycle: Any = request.receive.__self__  # type: ignore[attr-defined]
    cycle.transport.abort()
    while not cycle.disconnected:  # noqa: ASYNC110 - uvicorn sets it, and tells nobody
        await asyncio.sleep(0)
    return Response(status_code=503)
