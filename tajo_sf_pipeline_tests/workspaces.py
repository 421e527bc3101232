"""A workspace on the local servers, as a user has one: files, tables, an account, the command."""

import contextlib
import io
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pyarrow.parquet as pq
import yaml

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.cli.main import main
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sandbox.shop.brevo_account import create_attributes
from tajo_sf_pipeline.storage.paths import Paths

# To read this machine's certificates for each call costs more than the call. A connection that is
# kept may be closed by the server in the very moment in which it is used again.
_http = httpx.Client(verify=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class BrevoAccount:
    """An account of its own in the local Brevo, and what only a test may know of it."""

    url: str
    key: str

    @classmethod
    def new(cls, sandbox: Sandbox) -> Self:
        """Make an empty account without rate limits, whose imports are quick."""
        account = cls(sandbox.brevo_url.removesuffix("/v3"), uuid.uuid4().hex)
        settings = {"key": account.key, "rate_limits": False, "import_seconds": 0}
        _http.post(f"{account.url}/admin/accounts", json=settings).raise_for_status()
        return account

    def change(self, **settings: Any) -> None:
        _http.patch(self._admin(), json=settings).raise_for_status()

    def attributes(self, **kinds: str) -> None:
        create_attributes(f"{self.url}/v3", self.key, kinds)

    def contact(self, email: str, **more: Any) -> None:
        """Let somebody else create or change a contact."""
        body = {"email": email, "updateEnabled": True, **more}
        headers = {"api-key": self.key}
        _http.post(f"{self.url}/v3/contacts", json=body, headers=headers).raise_for_status()

    def make_list(self, name: str, folder: str) -> int:
        """Let somebody else make a list in a folder that is not there yet; give its id."""
        api, headers = f"{self.url}/v3/contacts", {"api-key": self.key}
        made = _http.post(f"{api}/folders", json={"name": folder}, headers=headers)
        body = {"name": name, "folderId": made.raise_for_status().json()["id"]}
        made = _http.post(f"{api}/lists", json=body, headers=headers)
        return int(made.raise_for_status().json()["id"])

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Give every contact by e-mail."""
        found: dict[str, dict[str, Any]] = {}
        while True:
            page = self._get("contacts", limit=1000, offset=len(found))["contacts"]
            found.update({contact["email"]: contact for contact in page})
            if len(page) < 1000:
                return found

    def events(self) -> list[dict[str, Any]]:
        """Give the first thousand events, as they were sent, in the order of their arrival."""
        found: list[dict[str, Any]] = self._get("events", limit=1000)["events"]
        return found

    def lists(self) -> dict[str, int]:
        """Give the number of members of each list."""
        return {item["name"]: item["members"] for item in self._get("summary")["lists"]}

    def list_ids(self) -> dict[str, int]:
        """Give the id of each list."""
        return {item["name"]: item["id"] for item in self._get("lists")["lists"]}

    def count(self, what: str) -> int:
        """Count the contacts, events or campaigns, say."""
        return int(self._get("summary")[what])

    def writes(self) -> list[tuple[str, str, str]]:
        """Give method, path and body's digest of every request that was not a read."""
        return [
            (request["method"], request["path"], request["sha256"])
            for request in self._get("requests")["requests"]
            if request["method"] != "GET"
        ]

    def statuses(self) -> list[int]:
        """Give what every request was answered with."""
        return [request["status"] for request in self._get("requests")["requests"]]

    def _get(self, what: str, **query: int) -> Any:
        return _http.get(f"{self._admin()}/{what}", params=query).raise_for_status().json()

    def _admin(self) -> str:
        return f"{self.url}/admin/accounts/{self.key}"


@dataclass(slots=True)
class Workspace:
    """A folder with a tajo.yaml; tables belong to it alone, by their prefix."""

    folder: Path
    sandbox: Sandbox
    brevo: BrevoAccount
    prefix: str
    changes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write()

    @classmethod
    def new(cls, folder: Path, sandbox: Sandbox, brevo: BrevoAccount) -> Self:
        """Make one without audiences."""
        return cls(folder, sandbox, brevo, prefix=f"t{uuid.uuid4().hex[:10]}")

    @property
    def file(self) -> Path:
        return self.folder / "tajo.yaml"

    @property
    def home(self) -> Path:
        return self.folder / ".tajo"

    def write(
        self,
        *,
        snowflake: dict[str, Any] | None = None,
        brevo: dict[str, Any] | None = None,
        **top: Any,
    ) -> None:
        """Write tajo.yaml, with changes to what points it at the local servers."""
        document = {
            "workspace": "test",
            "start_date": "2026-01-01",
            **top,
            "connectors": {
                "snowflake": {
                    "account": self.sandbox.account,
                    "user": self.sandbox.user,
                    "auth": {
                        "method": "key_pair",
                        "private_key_path": str(self.sandbox.private_key_path),
                    },
                    "host": "127.0.0.1",
                    "port": self.sandbox.snowflake_port,
                    "protocol": "http",
                    "database": self.sandbox.database,
                    "schema": self.sandbox.schema,
                    "login_timeout": 5,
                    "network_timeout": 10,
                    **(snowflake or {}),
                },
                "brevo": {
                    "api_key": self.brevo.key,
                    "base_url": f"{self.brevo.url}/v3",
                    "patience": 2,
                    "plan": "extended",
                    **(brevo or {}),
                },
            },
        }
        self.file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def audience(self, name: str, sql: str, mapping: dict[str, str], **more: Any) -> None:
        """Write a pair into sql/; ``{table}`` in the query is a table's name in the warehouse."""
        sql_folder = self.folder / "sql"
        sql_folder.mkdir(exist_ok=True)
        (sql_folder / f"{name}.sql").write_text(sql.replace("{", "").replace("}", ""))
        document = {"field_mapping": mapping, **more}
        (sql_folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def table(self, name: str, columns: str, rows: Iterable[Iterable[object]]) -> str:
        """Create or replace a table; give its name in the warehouse."""
        full = f"{self.prefix}_{name}".upper()
        lines = [columns, *(",".join(_csv(value) for value in row) for row in rows)]
        answer = _http.post(
            f"{self.sandbox.snowflake_url}/admin/load",
            params={"table": full},
            content="\n".join(lines).encode(),
            timeout=60,
        )
        answer.raise_for_status()
        return full

    def tajo(self, *arguments: str) -> Ran:
        """Run a command in this process, as the console script would."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([*arguments, "--config", str(self.file)])
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
        return Ran(code, out.getvalue(), err.getvalue())

    def sync(self, *arguments: str) -> list[dict[str, Any]]:
        """Sync and give what ``--json`` printed."""
        ran = self.tajo("connectors", "sync", "snowflake", "--json", *arguments)
        assert ran.out, ran.err
        found: list[dict[str, Any]] = ran.json()
        return found

    def bring(self) -> list[dict[str, Any]]:
        """Bring today's partition of every audience across, without Dagster."""
        loaded = self.settings()
        return [
            SyncRun(loaded, audience, loaded.today(), "incremental", run_id=uuid.uuid4().hex)
            .run()
            .as_json()
            for audience in catalog.load(loaded)
        ]

    def settings(self) -> Settings:
        return settings.load(self.file)

    def load(self, name: str) -> Audience:
        return catalog.load(self.settings()).named(name)

    def paths(self, name: str) -> Paths:
        return Paths(self.home, name)

    def rejected(self, name: str) -> list[dict[str, Any]]:
        """Give today's rejects of an audience."""
        path = self.paths(name).rejected(self.settings().today())
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return found


def _csv(value: object) -> str:
    if value is None:
        return ""
    return '"' + str(value).replace('"', '""') + '"'


MakeWorkspace = Callable[[], Workspace]
