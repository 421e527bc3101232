"""What Brevo would take of a partition's mapped rows, asked before any write (S16)."""

from tajo_sf_pipeline.destinations.preflight import Preflight
from tajo_sf_pipeline.engine.pipeline import Partition


def preflight(partition: Partition) -> Preflight | None:
    """Ask Brevo in one call; None where it takes whatever comes, or is not to be called."""
    if not partition.settings.brevo.enabled:
        return None
    sync = partition.delivery()
    with sync.connected() as client:
        return sync.writer.preflight(client, sync.notes.columns)
