"""A workspace's audiences as a component of a Dagster project: its files, and a `defs.yaml`."""

import dagster as dg

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.config import settings


class AudienceComponent(dg.Component, dg.Model, dg.Resolvable):
    """The audiences of a workspace: its `tajo.yaml` and the pairs in its `sql/`.

    `workspace` is the file, from the folder of `defs.yaml`; `audiences` names some of them, by
    default all. One component is one workspace: what its audiences share stands in it once.
    """

    workspace: str = "tajo.yaml"
    audiences: list[str] | None = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions; raise `ConfigurationError` with the file and the line."""
        loaded = settings.load(context.path / self.workspace)
        if self.audiences is None:
            return defs.build(loaded)
        known = catalog.load(loaded)
        return defs.build(loaded, only=tuple(known.named(name) for name in self.audiences))
