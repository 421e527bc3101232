"""The first step: a question's answer as a Parquet file, whole or not at all (S11)."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.sources.base import Cost, Question, Source
from tajo_sf_pipeline.storage import parquet

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Extracted:
    """What the source returned; its sizes in bytes, its times in seconds."""

    rows: int
    bytes: int
    query_id: str
    schema: pa.Schema
    partitions: int
    executing_seconds: float
    fetching_seconds: float
    seconds: float
    cost: Cost | str


def extract(
    source: Source,
    question: Question,
    file: Path,
    lane: Lane,
    progress: Callable[[int, int], None],
) -> Extracted:
    """Ask, and write the answer beside what the mapping wants to know of it.

    `progress` gets the rows written and those declared. Raises what `Source.extract` raises.
    """
    started = time.monotonic()
    with (
        source.extract(question) as answer,
        parquet.writing(file, answer.schema) as out,
    ):
        executed, size = time.monotonic(), 0
        for batch in answer.batches:
            out.write(batch)
            size += batch.nbytes
            progress(out.rows, answer.declared_rows)
        out.finish(
            {
                "path": lane,
                "started_at": answer.started_at.isoformat(),
                "query_id": answer.query_id,
            }
        )
    fetched = time.monotonic()
    _log.info("extracted %s rows", out.rows, extra={"query_id": answer.query_id})
    return Extracted(
        rows=out.rows,
        bytes=size,
        query_id=answer.query_id,
        schema=answer.schema,
        partitions=answer.partitions,
        executing_seconds=answer.executing_seconds,
        fetching_seconds=fetched - executed,
        seconds=fetched - started,
        cost=source.cost(answer.query_id, question.tag),
    )
