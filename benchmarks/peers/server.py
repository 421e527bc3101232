"""A server that takes what Brevo takes, keeps every body as it came, and counts nothing meanwhile.

    python -m benchmarks.peers.server FOLDER

It shares the machine with what it measures, so it does as little as it can: bodies go into one
file, and what arrived is counted when the run is over. It prints its port. `POST /admin/begin`
starts a run: `latency` in seconds, `plan` whose limits are held, of `fail_every` writes one is
answered by a 500, and after `hold_after` bytes nobody is answered any more.
"""

import asyncio
import json
import mmap
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from benchmarks.peers.data import ATTRIBUTES, TYPES
from tajo_sf_pipeline.brevo.budget import bucket_of, limit_of

_READ_AT_ONCE = 1 << 20
_NOTHING = b'{"code":"document_not_found","message":"There is nothing here."}'
_REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content"} | {
    404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error",
}  # fmt: skip


@dataclass(slots=True)
class Run:
    """What the server was told of a run, and what it noted of each request."""

    bodies: BinaryIO
    latency: float = 0.0
    plan: str | None = None
    fail_every: int = 0
    hold_after: int = 0
    requests: list[tuple[float, str, str, int, int, int]] = field(default_factory=list)
    """When it was there, method, path, status, where its body starts in the file, its bytes."""
    writes: int = 0
    stored: int = 0
    processes: int = 0
    held: bool = False
    windows: Counter[tuple[str, int]] = field(default_factory=Counter)


class Server:
    """Answers for one account."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "bodies"
        self.run = Run(self._file.open("w+b"))

    def answer(self, method: str, target: str, chunks: list[bytes]) -> tuple[int, bytes, str]:
        path = urlsplit(target).path
        if path.startswith("/admin/"):
            return self._admin(path, b"".join(chunks))
        run, at = self.run, time.time()
        status, body, headers = self._limited(path, at)
        if status == 200 and method != "GET":  # noqa: PLR2004
            run.writes += 1
            if run.fail_every and run.writes % run.fail_every == 3 % run.fail_every:
                status, body = 500, b'{"code":"internal","message":"Try again."}'
        size = sum(map(len, chunks))
        start = run.stored
        if status == 200:  # noqa: PLR2004
            status, body = self._done(method, path, target)
            if method != "GET":
                run.bodies.writelines(chunks)
                run.stored += size
                run.held = 0 < run.hold_after <= run.stored
        run.requests.append((at, method, path, status, start, size))
        return status, body, headers

    def _limited(self, path: str, at: float) -> tuple[int, bytes, str]:
        if self.run.plan is None:
            return 200, b"", ""
        bucket = bucket_of(path)
        limit, interval = limit_of(self.run.plan, bucket)
        window = int(at * 1_000 // interval)
        left = limit - self.run.windows[bucket, window]
        reset = ((window + 1) * interval / 1_000) - at
        headers = (
            f"x-sib-ratelimit-limit: {limit}\r\n"
            f"x-sib-ratelimit-remaining: {max(left - 1, 0)}\r\n"
            f"x-sib-ratelimit-reset: {max(1, round(reset + 0.5))}\r\n"
        )
        if left <= 0:
            headers += f"retry-after: {max(1, round(reset + 0.5))}\r\n"
            return 429, b'{"code":"too_many_requests","message":"Slow down."}', headers
        self.run.windows[bucket, window] += 1
        return 200, b"", headers

    def _done(self, method: str, path: str, target: str) -> tuple[int, bytes]:
        """Do as Brevo does, as far as anybody here asks for it."""
        parts = path.removeprefix("/v3").strip("/").split("/")
        return self._written(parts) if method == "POST" else self._read(parts, target)

    def _written(self, path: list[str]) -> tuple[int, bytes]:
        match path:
            case ["contacts", "import"]:
                self.run.processes += 1
                return 202, b'{"processId":%d}' % self.run.processes
            case ["contacts"] | ["contacts", "folders" | "lists"]:
                return 201, b'{"id":1}'
            case ["contacts", "batch"]:
                return 204, b""
            case ["contacts", "lists", _, "contacts", "remove" | "add"]:
                return 201, b'{"contacts":{"success":[],"failure":[]}}'
        return 404, _NOTHING

    def _read(self, path: list[str], target: str) -> tuple[int, bytes]:
        match path:
            case ["contacts", "attributes"]:
                return 200, _json({"attributes": _attributes()})
            case ["contacts", "folders"]:
                return 200, b'{"folders":[],"count":0}'
            case ["contacts", "folders", _, "lists"]:
                return 200, b'{"lists":[{"id":1,"name":"Customers"}],"count":1}'
            case ["contacts", "lists", _, "contacts"]:
                return 200, b'{"contacts":[],"count":0}'
            case ["contacts", key]:
                return self._contact(unquote(key))
            case ["processes"]:
                newest = range(self.run.processes, max(self.run.processes - 50, 0), -1)
                shown = list(newest) if "offset=" not in target or "offset=0" in target else []
                return 200, _json({"processes": [_process(number) for number in shown]})
            case ["processes", number]:
                return 200, _json(_process(int(number)))
        return 404, _NOTHING

    def _contact(self, email: str) -> tuple[int, bytes]:
        """Look a contact up in what came; the newest counts."""
        self.run.bodies.flush()
        if not self.run.stored:
            return 404, _NOTHING
        with mmap.mmap(self.run.bodies.fileno(), 0, access=mmap.ACCESS_READ) as bodies:
            at = bodies.rfind(f'"email":"{email}"'.encode())
            if at < 0:
                return 404, _NOTHING
            start = bodies.rfind(b"{", 0, at)
            found, _ = json.JSONDecoder().raw_decode(
                bodies[start : start + 10_000].decode(errors="ignore")
            )
        return 200, _json({**found, "id": 1, "listIds": [1]})

    def _admin(self, path: str, body: bytes) -> tuple[int, bytes, str]:
        match path:
            case "/admin/begin":
                self.run.bodies.close()
                self.run = Run(self._file.open("w+b"), **json.loads(body or b"{}"))
            case "/admin/go-on":
                self.run.hold_after, self.run.held = 0, False
            case "/admin/held":
                return 200, _json({"held": self.run.held}), ""
            case "/admin/requests":
                self.run.bodies.flush()
                return 200, _json({"requests": self.run.requests}), ""
        return 200, b"{}", ""


class Connection(asyncio.Protocol):
    """Reads requests of one connection, one after the other, without copying their bodies."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._start = b""
        self._chunks: list[bytes] = []
        self._wanted = -1  # bytes of the body that have not come; -1 where the head has not

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._wanted < 0:
            self._start += data
            self._begin()
        else:
            self._take(data)

    def _begin(self) -> None:
        head, found, rest = self._start.partition(b"\r\n\r\n")
        if not found:
            return
        line, *headers = head.split(b"\r\n")
        self._method, self._target, _ = line.decode().split(" ", 2)
        named = {name.lower(): value for name, _, value in (one.partition(b":") for one in headers)}
        self._wanted, self._start = int(named.get(b"content-length", b"0")), b""
        if named.get(b"expect", b"").strip() == b"100-continue":
            assert self._transport
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._take(rest)

    def _take(self, data: bytes) -> None:
        body, self._start = data[: self._wanted], data[self._wanted :]
        self._wanted -= len(body)
        self._chunks.append(body)
        if self._wanted:
            return
        status, answer, headers = self._server.answer(self._method, self._target, self._chunks)
        self._chunks, self._wanted = [], -1
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
            f"{headers}content-length: {len(answer)}\r\n\r\n"
        )
        if self._server.run.held and not self._target.startswith("/admin/"):
            return
        latency = self._server.run.latency
        asyncio.get_running_loop().call_later(latency, self._write, head.encode() + answer)

    def _write(self, answer: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(answer)


def _process(number: int) -> dict[str, Any]:
    return {"id": number, "name": "import", "status": "completed", "info": {"import": {}}}


def _attributes() -> list[dict[str, Any]]:
    return [
        {"name": name, "category": "normal", "type": TYPES.get(name, "text")}
        for name in ATTRIBUTES.values()
    ]


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


async def _serve(folder: Path) -> None:
    server = Server(folder)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it closes it


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
