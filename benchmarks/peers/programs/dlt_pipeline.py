"""dlt: a custom destination in Parquet, with ten jobs at once.

python dlt_pipeline.py FILE URL
"""

import sys
import threading

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchema
from mapped import ROWS_AT_ONCE, batches, send, session

FILE, URL = sys.argv[1:]
_OF_THREAD = threading.local()


@dlt.resource(name="contacts")
def contacts():  # type: ignore[no-untyped-def]  # noqa: ANN201 - as dlt's documentation writes it
    """Give the mapped rows as Arrow, which dlt hands on as Parquet without looking at each."""
    yield from batches(FILE)


@dlt.destination(batch_size=ROWS_AT_ONCE, loader_file_format="parquet", name="brevo")
def brevo(items: pa.RecordBatch, _table: TTableSchema) -> None:
    """Send a batch of a job's file."""
    if not hasattr(_OF_THREAD, "http"):
        _OF_THREAD.http = session()
    send(_OF_THREAD.http, URL, items.to_pylist())


if __name__ == "__main__":
    pipeline = dlt.pipeline("contacts", destination=brevo, pipelines_dir="pipelines")
    load = pipeline.run(contacts(), loader_file_format="parquet")
    load.raise_on_failed_jobs()
