"""A server over real HTTP that answers as a test says, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `json` or `text`; `lost` takes the request and closes without a word."""

    status: int = 200
    json: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False

    def body(self) -> bytes:
        return (self.text if self.json is None else json.dumps(self.json)).encode()


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Scripted:
    """Gives the answers in their order; the last one for ever."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    def will(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked.clear()

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(tls: SSLContext | None = None) -> Iterator[Scripted]:
    """Serve until the body ends; with `tls` over TLS."""
    alone = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with alone:
                asked = Asked(
                    self.command, self.path, dict(self.headers.items()), body, time.monotonic()
                )
                server.asked.append(asked)
                answer = server.next()
            if answer.lost:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            if answer.status != 204:
                self.send_header("content-length", str(len(answer.body())))
            self.end_headers()
            if answer.status != 204:
                self.wfile.write(answer.body())

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - http.server looks for them

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> Any:
            server.connections += 1
            return super().get_request()

        def handle_error(self, *_: object) -> None:
            """Stay silent where a client goes away, as one does that refuses a certificate."""

    with Server(("127.0.0.1", 0), Handler) as http:
        if tls:
            http.socket = tls.wrap_socket(http.socket, server_side=True)
        scheme = "https" if tls else "http"
        server = Scripted(f"{scheme}://127.0.0.1:{http.server_port}")
        serving = threading.Thread(target=http.serve_forever, args=(0.01,))
        serving.start()
        yield server
        http.shutdown()
        serving.join()
