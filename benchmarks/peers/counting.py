"""The counting server as others use it: started, told of a run, asked what arrived."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.peers import arrivals
from benchmarks.peers.arrivals import Arrivals, Request
from benchmarks.peers.data import DataSet

_TIMEOUT = 600


@dataclass(frozen=True, slots=True)
class Counting:
    """A server that runs; its bodies are in `folder`."""

    http: httpx.Client
    address: str
    folder: Path

    @property
    def url(self) -> str:
        return f"{self.address}/v3"

    @property
    def bodies(self) -> Path:
        return self.folder / "bodies"

    def begin(self, **settings: Any) -> None:
        """Forget everything, and answer as `settings` say from now on."""
        self.http.post("/admin/begin", json=settings).raise_for_status()

    def go_on(self) -> None:
        """Answer again; what came before still counts."""
        self.http.post("/admin/go-on").raise_for_status()

    def held(self) -> bool:
        return bool(self.http.get("/admin/held").raise_for_status().json()["held"])

    def log(self) -> list[Request]:
        return arrivals.read(self.http.get("/admin/requests").raise_for_status().content)

    def count(self, data: DataSet, due: np.ndarray[Any, Any]) -> Arrivals:
        return arrivals.count(self.bodies, self.log(), data, due)


@contextmanager
def counting(folder: Path) -> Iterator[Counting]:
    """Run the server in a process of its own, until this ends."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.peers.server", str(folder)]
    options: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "start_new_session": True,  # Ctrl-C ends a benchmark early, and asks it what arrived
    }
    with subprocess.Popen(command, text=True, **options) as process:  # noqa: S603 - our own
        assert process.stdout
        assert process.stdin
        address = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        try:
            with httpx.Client(base_url=address, timeout=_TIMEOUT) as http:
                yield Counting(http, address, folder)
        finally:
            process.stdin.close()  # the server ends with it
