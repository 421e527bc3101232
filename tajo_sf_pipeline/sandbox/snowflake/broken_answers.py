"""Answers that HTTP itself does not survive."""

import asyncio
import socket
import struct
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # l_onoff and l_linger of SO_LINGER
SECONDS_TO_ARRIVE = 0.05


class LostAnswer(Response):
    """The connection is reset before a byte of the answer."""

    async def __call__(self, _: Scope, receive: Receive, __: Send) -> None:
        await _reset(receive)


class CutAnswer(Response):
    """The connection is reset when half of the body has been sent."""

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        half = bytes(self.body[: len(self.body) // 2])
        await send(start)
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(SECONDS_TO_ARRIVE)
        await _reset(receive)


async def _reset(receive: Receive) -> None:
    # ASGI cannot end a connection; uvicorn's `receive` belongs to the object that can.
    transport: asyncio.Transport = cast(Any, receive).__self__.transport
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
    # Returning earlier would let uvicorn answer with 500, as the application sent nothing.
    while (await receive())["type"] != "http.disconnect":
        pass
