"""One audience in a workspace, its runs through Dagster, and what they leave in the instance."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience.check_rules import ON_MAPPED, ON_SYNC
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.defs.jobs import job_name
from tajo_sf_pipeline_tests.workspaces import Workspace

COLUMNS = "email,first_name,points,phone"
PEOPLE = [
    ("ada@example.com", "Ada", 1, "x"),
    ("ben@example.com", "Ben", 2, "x"),
    ("cy@example.com", "Cy", 3, "x"),
    ("dora.example.com", "Dora", 4, "x"),
    ("eve@home@example.com", "Eve", 5, "x"),
]
MAPPING: dict[str, Any] = {"email": "email", "first_name": "FIRSTNAME", "points": "POINTS"}
CHECKS = {rule.name: "mapped" for rule in ON_MAPPED} | {rule.name: "sync" for rule in ON_SYNC}


@dataclass(frozen=True, slots=True)
class Shop:
    """A workspace with one audience of three good rows and two bad ones, and Dagster's instance."""

    workspace: Workspace
    instance: dg.DagsterInstance
    audience: str

    @property
    def today(self) -> date:
        return self.workspace.settings().today()

    def table(self, columns: str = COLUMNS, rows: Iterable[Iterable[object]] = PEOPLE) -> str:
        """Put other rows into the audience's table."""
        return self.workspace.table("people", columns, rows)

    def configure(self, mapping: dict[str, Any] | None = None, **more: Any) -> None:
        """Write the audience's files, with a change or two."""
        query = f"SELECT * FROM {self.workspace.prefix}_people".upper()
        fields: dict[str, Any] = MAPPING if mapping is None else mapping
        self.workspace.audience(self.audience, query, fields, **more)

    def run(self, day: date | None = None, **more: Any) -> str:
        """Run one partition as the terminal does, and give the run's id."""
        settings = self.workspace.settings()
        return runs.run(
            defs.build(settings),
            self.instance,
            settings,
            audience=self.workspace.load(self.audience),
            day=day or self.today,
            path="incremental",
            **more,
        ).run_id

    def failed_run(self) -> dg.DagsterRun:
        [run] = self.instance.get_runs(dg.RunsFilter(job_name=job_name(self.audience)))
        assert dg.DagsterRunStatus.FAILURE == run.status
        return run

    def steps(self, run_id: str, kind: dg.DagsterEventType) -> list[str | None]:
        """Name the steps of a run that have events of this kind."""
        return [event.step_key for event in self.instance.all_logs(run_id, kind)]

    def materializations(self, step: str) -> list[dg.AssetMaterialization]:
        """Give those of a step, the latest first."""
        key = dg.AssetKey([self.audience, step])
        records = self.instance.fetch_materializations(key, limit=10).records
        return [record.asset_materialization for record in records if record.asset_materialization]

    def history(self, check: str) -> list[AssetCheckExecutionRecord]:
        """Give every row that Dagster's UI shows of a check, the latest first."""
        key = dg.AssetCheckKey(dg.AssetKey([self.audience, CHECKS[check]]), check)
        storage = self.instance.event_log_storage
        return list(storage.get_asset_check_execution_history(key, limit=10))

    def latest(self, check: str) -> dg.AssetCheckEvaluation:
        """Give what a check has found last."""
        return evaluation_of(self.history(check)[0])


def evaluation_of(row: AssetCheckExecutionRecord) -> dg.AssetCheckEvaluation:
    assert row.event
    assert row.event.dagster_event
    return row.event.dagster_event.asset_check_evaluation_data


def values(found: dg.AssetMaterialization | dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: entry.value for name, entry in found.metadata.items()}
