"""The three steps of an audience without Dagster, for tests that are not about runs."""

import uuid

from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.workspaces import Workspace


def synced(workspace: Workspace, name: str, *, full: bool = False) -> Summary:
    """Extract, map and sync an audience for today."""
    settings = workspace.settings()
    return SyncRun(
        settings,
        workspace.load(name),
        settings.today(),
        "incremental",
        run_id=str(uuid.uuid4()),
        full=full,
    ).run()
