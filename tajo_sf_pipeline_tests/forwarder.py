"""A step between a client and a local server: it remembers what was called, and may misbehave."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

# They belong to one connection, or to a body that httpx has decoded.
_NOT_PASSED_ON = {"host", "connection", "content-length", "content-encoding", "transfer-encoding"}
LATENCY_SECONDS = 0.05


class Fault(Enum):
    """What may happen to a call on its way."""

    LATENCY = auto()
    """It takes longer."""
    RESET = auto()
    """The connection breaks before the server sees the call."""
    CUT = auto()
    """The server does what was asked, and its answer is lost."""
    HALF = auto()
    """The server does what was asked, and half of its answer arrives."""
    DRIP = auto()
    """The answer arrives byte by byte."""
    TOO_MANY = auto()
    """429 without any header that says how long."""
    SERVER_ERROR = auto()
    """500 with a page of HTML."""


_INSTEAD = {Fault.TOO_MANY: (429, b""), Fault.SERVER_ERROR: (500, b"<html>Oh no</html>")}
# Number of the call from 1 on, its method and its path.
Behaviour = Callable[[int, str, str], Fault | None]


def faultless(_number: int, _method: str, _path: str) -> None:
    """Pass everything on as it is."""


@dataclass(slots=True)
class Forwarder:
    """Listens on `port`; `behaviour` may be exchanged while it runs."""

    port: int
    behaviour: Behaviour = faultless
    paths: list[str] = field(default_factory=list)
    seen: Callable[[str, str, bytes], None] = lambda _method, _path, _body: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def forwarding_to(url: str, behaviour: Behaviour = faultless) -> Iterator[Forwarder]:
    """Pass every request on, and its answer back, as far as `behaviour` lets it."""
    with httpx.Client(base_url=url, timeout=60) as client, _Server(client) as server:
        server.forwarder.behaviour = behaviour
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.forwarder
        server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = client
        self.forwarder = Forwarder(self.server_port)

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that was killed."""


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        forwarder = self.server.forwarder
        forwarder.paths.append(self.path.partition("?")[0])
        fault = forwarder.behaviour(len(forwarder.paths), self.command, self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        forwarder.seen(self.command, self.path, body)
        if fault is Fault.RESET:
            self._break_connection()
            return
        if fault in _INSTEAD:
            self._answer(*_INSTEAD[fault], {})
            return
        if fault is Fault.LATENCY:
            time.sleep(LATENCY_SECONDS)
        headers = {name: text for name, text in self.headers.items() if _passed_on(name)}
        if "content-encoding" in self.headers:
            headers["content-encoding"] = self.headers["content-encoding"]
        try:
            answer = self.server.client.request(
                self.command, self.path, headers=headers, content=body
            )
        except httpx.TransportError:  # the test is over
            self.close_connection = True
            return
        if fault is Fault.CUT:
            self._break_connection()
            return
        passed_on = {name: text for name, text in answer.headers.items() if _passed_on(name)}
        self._answer(answer.status_code, answer.content, passed_on, fault)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _forward  # noqa: N815 - http.server's

    def _answer(
        self, status: int, content: bytes, headers: dict[str, str], fault: Fault | None = None
    ) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        # An answer that ends with its head has no half; its length is a lie then.
        self.send_header("content-length", str(len(content) or int(fault is Fault.HALF)))
        self.end_headers()
        match fault:
            case Fault.HALF:
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            case Fault.DRIP:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
            case _:
                self.wfile.write(content)

    def _break_connection(self) -> None:
        # Without lingering the client gets a reset instead of an orderly end.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()
        self.rfile = self.wfile = _Closed()  # type: ignore[assignment]

    def log_message(self, *_: object) -> None:
        pass


class _Closed:
    """What the handler flushes and closes of a connection that is broken already."""

    closed = True

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _passed_on(name: str) -> bool:
    return name.lower() not in _NOT_PASSED_ON
