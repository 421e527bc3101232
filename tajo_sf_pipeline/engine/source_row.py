"""The row of the source that a dead letter is about, while its extract is kept."""

from typing import Any

from tajo_sf_pipeline.state.dead_letter import DeadLetter
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths


def source_row(paths: Paths, dead_letter: DeadLetter) -> dict[str, Any] | str:
    """Read the row, and no more than its row group; or say why that cannot be."""
    path = paths.extract(dead_letter.sync_date)
    if dead_letter.row is None or dead_letter.query_id is None:
        return "the run did not tell which row of its extract it was"
    if not path.exists():
        return "its extract is not kept any more"
    if parquet.notes(path).get("query_id") != dead_letter.query_id:
        return "a later run has replaced its extract"
    return parquet.row(path, dead_letter.row)
