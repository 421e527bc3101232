"""Calls of the local Snowflake's SQL API, by plain httpx and as its documentation has them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers

TOKEN_TYPE = "X-Snowflake-Authorization-Token-Type"
PAT = {"Authorization": "Bearer sandbox-pat", TOKEN_TYPE: "PROGRAMMATIC_ACCESS_TOKEN"}
SECONDS_TO_END = 20


@dataclass(frozen=True, slots=True)
class SqlApi:
    sandbox: Sandbox
    client: httpx.Client

    def submit(
        self, statement: str, query: Mapping[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        context = {"database": "MARKETING_DB", "schema": "PUBLIC", "statement": statement}
        return self.client.post("/api/v2/statements", params=query, json=context | body)

    def get(self, handle: str, **query: Any) -> httpx.Response:
        return self.client.get(f"/api/v2/statements/{handle}", params=query)

    def cancel(self, handle: str) -> httpx.Response:
        return self.client.post(f"/api/v2/statements/{handle}/cancel")

    def ended(self, handle: str) -> httpx.Response:
        """Poll until the statement has ended."""
        deadline = time.monotonic() + SECONDS_TO_END
        while (answer := self.get(handle)).status_code == 202:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return answer

    def rows(self, statement: str, **body: Any) -> Any:
        answer = self.submit(statement, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def executions(self, sql: str) -> list[dict[str, Any]]:
        """Every execution of this statement that the server remembers."""
        answer = self.client.get("/admin/statements").raise_for_status()
        return [one for one in answer.json()["statements"] if one["sql"] == sql]

    def plan(self, fault: str, **details: Any) -> None:
        self.client.post("/admin/faults", json={"fault": fault, **details}).raise_for_status()

    @contextmanager
    def changed(self, **settings: Any) -> Iterator[None]:
        """Change settings of the server, and change them back."""
        before = self.client.get("/admin/settings").raise_for_status().json()
        self.client.post("/admin/settings", json=settings).raise_for_status()
        yield
        self.client.post("/admin/settings", json=before).raise_for_status()


@contextmanager
def serving_sql_api(home: Path, *arguments: str) -> Iterator[SqlApi]:
    """Run a local Snowflake as a process of its own, and sign in with a PAT."""
    sandbox = Sandbox(home, *free_ports())
    ports = {"snowflake": sandbox.snowflake_port}
    with (
        running_servers(home, ports, {"snowflake": arguments}),
        httpx.Client(base_url=sandbox.snowflake_url, headers=PAT, timeout=30) as client,
    ):
        yield SqlApi(sandbox, client)


def key_pair_token(private_key: str | bytes, fingerprint: str, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": f"SANDBOX.TAJO_INTEGRATION.{fingerprint}",
        "sub": "SANDBOX.TAJO_INTEGRATION",
        "iat": now,
        "exp": now + 3540,
    }
    kept = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(kept, private_key, algorithm="RS256")


def error(answer: httpx.Response) -> tuple[int, str]:
    """Give the status and Snowflake's code."""
    return answer.status_code, answer.json()["code"]
