"""Receivers of alerts on this machine: an HTTP server and a mail server that keep what they get."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(slots=True)
class Hook:
    """An HTTP receiver: what was posted to it, and the status it answers with."""

    url: str = ""
    status: int = 200
    posted: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.posted]


@contextmanager
def hook() -> Iterator[Hook]:
    """Serve one on a free port."""
    received = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if received.status == 200:
                received.posted.append((self.path, dict(self.headers.items()), body))
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        received.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret-path"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


@dataclass(slots=True)
class Mailbox:
    """A mail server: its letters, by the addresses of their envelopes."""

    port: int = 0
    dead_letters: list[tuple[list[str], Message]] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content
        assert isinstance(content, bytes)
        self.dead_letters.append((envelope.rcpt_tos, message_from_bytes(content)))
        return "250 OK"


@contextmanager
def mailbox(**wanted: Any) -> Iterator[Mailbox]:
    """Serve one on a free port; `wanted` are TLS and login, as aiosmtpd's Controller has them."""
    received = Mailbox()
    # Port 0 is the system's choice, which the library itself cannot connect back to.
    server = _OnAFreePort(received, hostname="127.0.0.1", port=0, **wanted)
    server.start()
    try:
        received.port = server.server.sockets[0].getsockname()[1]
        yield received
    finally:
        server.stop()


class _OnAFreePort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
