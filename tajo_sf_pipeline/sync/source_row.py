"""The row of the source that a dead letter is about, while its extract is kept."""

from typing import Any

from tajo_sf_pipeline import parquet
from tajo_sf_pipeline.places import Places
from tajo_sf_pipeline.sync.letter import Letter


def source_row(places: Places, letter: Letter) -> dict[str, Any] | str:
    """Read the row, and no more than its row group; or say why that cannot be."""
    path = places.extract(letter.sync_date)
    if letter.row is None or letter.query_id is None:
        return "the run did not tell which row of its extract it was"
    if not path.exists():
        return "its extract is not kept any more"
    if parquet.notes(path).get("query_id") != letter.query_id:
        return "a later run has replaced its extract"
    return parquet.row(path, letter.row)
