"""Sensors as the daemon evaluates them, in this process and on an instance of the test."""

from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from tajo_sf_pipeline import defs
from tajo_sf_pipeline_tests.workspaces import Workspace

_BUILT: dict[str, dg.Definitions] = {}


@dataclass(slots=True)
class Sensors:
    """The sensors of a workspace, with what each remembers from tick to tick."""

    workspace: Workspace
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)

    def tick(self, name: str) -> SensorExecutionData:
        """Evaluate a sensor, and keep what it says of assets."""
        definitions = built(self.workspace)
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            repository_def=definitions.get_repository_def(),
        )
        found = definitions.resolve_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = found.cursor
        for event in found.asset_events:
            self.instance.report_runless_asset_event(event)
        return found


def built(workspace: Workspace) -> dg.Definitions:
    """Build the definitions, and not again while no file has changed: a daemon keeps them too."""
    files = [workspace.file, *sorted((workspace.folder / "sql").glob("*"))]
    said = str([(str(file), file.read_text()) for file in files])
    if said not in _BUILT:
        _BUILT.clear()
        _BUILT[said] = defs.build(workspace.settings())
    return _BUILT[said]
