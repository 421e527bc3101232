"""The three steps of an audience without Dagster, for tests that are not about runs."""

import uuid

from tajo_sf_pipeline.engine.pipeline import Partition
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.workspaces import Workspace


def synced(workspace: Workspace, name: str, *, full: bool = False) -> Summary:
    """Extract, map and sync an audience for today."""
    settings = workspace.settings()
    partition = Partition(
        settings,
        workspace.load(name),
        settings.today(),
        "incremental",
        run_id=str(uuid.uuid4()),
        full=full,
    )
    partition.extract()
    partition.map()
    return partition.sync()
