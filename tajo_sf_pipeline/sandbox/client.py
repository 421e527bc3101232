"""Fill the local Snowflake over HTTP: the demo shop, or a CSV file of one's own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from tajo_sf_pipeline.sandbox.servers import Sandbox, SandboxError

# Five million customers take minutes, and a large CSV file is answered when all of it is loaded.
TIMEOUT = httpx.Timeout(600, connect=5)


@dataclass(frozen=True, slots=True)
class SeededTable:
    table: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadedTable:
    table: str
    rows: int
    columns: dict[str, str]


def seed(sandbox: Sandbox, rows: int, as_of: date) -> Iterator[SeededTable]:
    """Replace the demo shop by one with so many customers, yielding each table as it is filled."""
    address = f"{sandbox.snowflake_url}/admin/seed"
    query = {"rows": str(rows), "as_of": as_of.isoformat()}
    try:
        with httpx.stream("POST", address, params=query, timeout=TIMEOUT) as answer:
            if answer.is_error:
                answer.read()
                raise SandboxError(f"The shop was not seeded: {_message(answer)}.")
            for line in answer.iter_lines():
                progress = json.loads(line)
                if progress.get("done"):
                    return
                yield SeededTable(**progress)
    except httpx.TransportError as error:
        raise _unreachable(sandbox) from error
    raise SandboxError(f"Seeding ended early; see {sandbox.home / 'logs' / 'snowflake.log'}.")


def load_csv(sandbox: Sandbox, table: str, path: Path) -> LoadedTable:
    """Create or replace a table from a CSV file with a header."""
    try:
        with path.open("rb") as file:
            answer = httpx.post(
                f"{sandbox.snowflake_url}/admin/load",
                params={"table": table},
                content=file,
                timeout=TIMEOUT,
            )
    except httpx.TransportError as error:
        raise _unreachable(sandbox) from error
    if answer.is_error:
        raise SandboxError(f"{path} was not loaded: {_message(answer)}.")
    return LoadedTable(**answer.json())


def _message(answer: httpx.Response) -> str:
    if "json" not in answer.headers.get("Content-Type", ""):
        return f"HTTP {answer.status_code}"
    body: dict[str, Any] = answer.json()
    return str(body["message"])


def _unreachable(sandbox: Sandbox) -> SandboxError:
    return SandboxError(
        f"The local Snowflake does not answer at {sandbox.snowflake_url}: start the sandbox first."
    )
