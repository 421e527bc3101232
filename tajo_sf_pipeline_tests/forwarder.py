"""A step between a client and the local Snowflake, which remembers what was called."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

# They belong to one connection, or to a body that httpx has decoded.
_NOT_PASSED_ON = {"host", "connection", "content-length", "content-encoding", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Forwarder:
    port: int
    paths: list[str] = field(default_factory=list)


@contextmanager
def forwarding_to(url: str) -> Iterator[Forwarder]:
    """Pass every request on, and its answer back."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            forwarder.paths.append(self.path.partition("?")[0])
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: text for name, text in self.headers.items() if _passed_on(name)}
            if "content-encoding" in self.headers:
                headers["content-encoding"] = self.headers["content-encoding"]
            try:
                answer = client.request(self.command, self.path, headers=headers, content=body)
            except httpx.TransportError:  # the test is over
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name, text in answer.headers.items():
                if _passed_on(name):
                    self.send_header(name, text)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = _forward  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with (
        httpx.Client(base_url=url, timeout=60) as client,
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
    ):
        server.daemon_threads = True
        forwarder = Forwarder(server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield forwarder
        server.shutdown()


def _passed_on(name: str) -> bool:
    return name.lower() not in _NOT_PASSED_ON
