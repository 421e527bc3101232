"""Syncs of mapped rows that a test makes itself: no warehouse, no Dagster, a real local Brevo."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa

from tajo_sf_pipeline.audience.destination import ContactsDestination
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config.settings import Brevo, Connectors, Settings, WorkspaceFile
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.planning.plan import Plan
from tajo_sf_pipeline.state.base import Ledger, State
from tajo_sf_pipeline.state.files import StateInFiles
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

Row = Mapping[str, Any]
DAY = date(2026, 11, 20)
_MOMENT = pa.timestamp("us", tz="UTC")
_REJECTED = pa.schema(
    {"row": pa.int64(), "key": pa.string(), "column": pa.string(), "reason": pa.string()}
)


def audience(name: str = "people", sql: str = "SELECT 1", **settings: Any) -> Audience:
    """Make an audience of contacts by e-mail; `settings` are those of `Audience`."""
    made = Audience(
        name=name,
        statement=Statement(sql, f"sql/{name}.sql"),
        fields={},
        destination=ContactsDestination(list=name),
        schedule="@daily",
    )
    return made.model_copy(update=settings)


def person(number: int, **attributes: Any) -> dict[str, Any]:
    """Make a contact's row; it says its name unless other attributes are given."""
    return {"key": f"p{number}@example.com", **(attributes or {"FIRSTNAME": f"Name{number}"})}


def write_mapped(
    paths: Paths,
    rows: Iterable[Row],
    *,
    day: date = DAY,
    version: datetime | None = None,
    path: str = "incremental",
    rejected: Iterable[str] = (),
    form: str = "",
) -> None:
    """Write what the mapping would have written.

    A row has its `key`, and may have `version`, `list`, `email_blacklisted`, `sms_blacklisted`
    and `payload`; everything else of it is an attribute. `form` changes every fingerprint.
    """
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    rows, refused = list(rows), list(rejected)
    payloads = [row.get("payload") or _contact(row) for row in rows]
    table = pa.table(
        {
            "_row": pa.array(range(len(rows)), pa.int64()),
            "_key": pa.array([row["key"] for row in rows], pa.string()),
            "_version": pa.array([row.get("version") or version or end for row in rows], _MOMENT),
            "_payload": pa.array(payloads, pa.string()),
            "_fingerprint": pa.array(
                [
                    _fingerprint(payload, row, form)
                    for payload, row in zip(payloads, rows, strict=True)
                ],
                pa.uint64(),
            ),
            **_optional(rows),
        }
    )
    with parquet.writing(paths.mapped(day), table.schema) as out:
        for batch in table.to_batches():
            out.write(batch)
        out.finish({})
    numbers = pa.array(range(len(rows), len(rows) + len(refused)), pa.int64())
    names = {name for row in rows for name in _attributes(row)}
    with parquet.writing(paths.rejected(day), _REJECTED) as out:
        why = [pa.repeat(pa.scalar(text), len(refused)) for text in ("email", "is bad")]
        out.write(
            pa.record_batch([numbers, pa.array(refused, pa.string()), *why], schema=_REJECTED)
        )
        out.finish(
            {
                "path": path,
                "extracted": len(rows) + len(refused),
                "rejected": len(refused),
                "columns": [[name.lower(), name, "text"] for name in sorted(names)],
                "reached": end.isoformat(),
                "window_end": end.isoformat(),
            }
        )


def _optional(rows: list[Row]) -> dict[str, pa.Array]:
    kinds = {"list": pa.string(), "email_blacklisted": pa.bool_(), "sms_blacklisted": pa.bool_()}
    return {
        f"_{name}": pa.array([row.get(name) for row in rows], kind)
        for name, kind in kinds.items()
        if any(name in row for row in rows)
    }


_OWN = {"key", "version", "list", "email_blacklisted", "sms_blacklisted", "payload"}


def _attributes(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _OWN}


def _contact(row: Row) -> str:
    return json.dumps({"email": row["key"], "attributes": _attributes(row)}, ensure_ascii=False)


def _fingerprint(payload: str, row: Row, form: str) -> int:
    told = (
        payload,
        row.get("list"),
        row.get("email_blacklisted"),
        row.get("sms_blacklisted"),
        form,
    )
    return int.from_bytes(blake2b(repr(told).encode(), digest_size=8).digest())


@dataclass(slots=True)
class Engine:
    """An audience with a home of its own, and the account that it writes to."""

    home: Path
    account: BrevoAccount
    audience: Audience
    brevo: dict[str, Any] = field(default_factory=dict)
    state: State | None = None  # else in files of the home

    @property
    def paths(self) -> Paths:
        return Paths(self.home, self.audience.name)

    @property
    def ledger(self) -> Ledger:
        return self.sync().ledger

    @property
    def settings(self) -> Settings:
        """The workspace, as far as a sync of mapped rows looks at it."""
        brevo = Brevo(
            api_key=self.account.key,
            base_url=f"{self.account.url}/v3",
            **{"patience": 2, **self.brevo},
        )
        connectors = Connectors.model_construct(brevo=brevo)
        file = WorkspaceFile.model_construct(connectors=connectors)
        return Settings(self.home / "tajo.yaml", self.home, file, lines={}, environment={})

    def sync(self, *, day: date = DAY, accept: tuple[str, ...] = (), run_id: str = "") -> SyncRun:
        """Make the run of what is mapped."""
        return SyncRun(
            self.settings,
            self.audience,
            day,
            "incremental",
            run_id=run_id or uuid.uuid4().hex,
            accept=accept,
            open_state=lambda settings: self.state or StateInFiles(settings.home),
        )

    def run(
        self,
        rows: Iterable[Row],
        *,
        day: date = DAY,
        accept: tuple[str, ...] = (),
        run_id: str = "",
        **mapped: Any,
    ) -> Summary:
        """Map and sync."""
        write_mapped(self.paths, rows, day=day, **mapped)
        return self.sync(day=day, accept=accept, run_id=run_id).sync()

    def plan(self, rows: Iterable[Row], *, day: date = DAY, **mapped: Any) -> Plan:
        """Map and plan; the plan's file stays until the test ends."""
        write_mapped(self.paths, rows, day=day, **mapped)
        return self.sync(day=day).plan()

    def change(self, **settings: Any) -> None:
        """Change the audience, as its file would."""
        self.audience = self.audience.model_copy(update=settings)

    def members(self, name: str) -> set[str]:
        """Give who is on a list of this name."""
        number = self.lists().get(name)
        return {
            email
            for email, contact in self.account.contacts().items()
            if number in contact.get("listIds", [])
        }

    def lists(self) -> dict[str, int]:
        """Give the ids of the account's lists."""
        told = httpx.get(
            f"{self.account.url}/v3/contacts/lists",
            params={"limit": 50},
            headers={"api-key": self.account.key},
        )
        return {item["name"]: item["id"] for item in told.json()["lists"]}

    def dead_letters(self) -> dict[str, str]:
        """Give the reason of each open dead letter, by key."""
        from tajo_sf_pipeline.state.dead_letter import Filter

        found = self.sync().dead_letters.find(Filter(state="open"))
        return {dead_letter.key or "": dead_letter.reason for dead_letter in found}
