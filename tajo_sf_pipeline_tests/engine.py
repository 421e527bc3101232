"""Mapping and sync of rows that a test makes, without a warehouse and without Dagster."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pyarrow as pa

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.config.yaml_document import Credential
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths
from tajo_sf_pipeline_tests.workspaces import Workspace


@dataclass(frozen=True, slots=True)
class Engine:
    """One audience of a workspace; `schema` is that of its extracts."""

    settings: Settings
    audience: Audience
    schema: pa.Schema

    @classmethod
    def of(cls, workspace: Workspace, name: str, schema: pa.Schema) -> "Engine":
        """Load the audience that the workspace's files describe."""
        return cls(workspace.settings(), workspace.load(name), schema)

    @property
    def paths(self) -> Paths:
        return Paths(self.settings.home, self.audience.name)

    def with_brevo(self, base_url: str, key: str) -> "Engine":
        """Give one that finds another account, at another address."""
        connectors = self.settings.file.connectors
        update: dict[str, object] = {"base_url": base_url, "api_key": Credential(key)}
        brevo = connectors.brevo.model_copy(update=update)
        file = self.settings.file.model_copy(
            update={"connectors": connectors.model_copy(update={"brevo": brevo})}
        )
        return replace(self, settings=replace(self.settings, file=file))

    def partition(self, day: date, path: Lane = "incremental") -> SyncRun:
        return SyncRun(self.settings, self.audience, day, path, run_id=uuid.uuid4().hex)

    def extracted(
        self,
        rows: pa.Table | Sequence[dict[str, object]],
        day: date,
        path: Lane = "incremental",
    ) -> SyncRun:
        """Write rows as the extract of a date, and map them."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, self.schema)
        partition = self.partition(day, path)
        with parquet.writing(self.paths.extract(day), self.schema) as out:
            for batch in table.to_batches():
                out.write(batch)
            out.finish({"path": path, "started_at": datetime.now(UTC).isoformat()})
        partition.map()
        return partition

    def run(
        self,
        rows: pa.Table | Sequence[dict[str, object]],
        day: date,
        path: Lane = "incremental",
    ) -> Summary:
        """Bring rows to Brevo as the run of a date would."""
        return self.extracted(rows, day, path).sync()
