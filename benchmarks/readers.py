"""The readers that `benchmarks.extract` compares; each reads one query, in a process of its own.

    python -m benchmarks.readers READER HOME PORT QUERY

Two are ours, through to the Parquet file. Beside each stands a bare one, which does what no client
can leave out. All sign in with the same token. The work counts from where a connection stands, so
without the imports, to where everything is closed again.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path

import httpx
import orjson
import pyarrow.parquet as pq

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource
from tajo_sf_pipeline.storage import parquet

# Gives how many rows it read, and in how many seconds.
Reader = Callable[[Sandbox, str, Path], tuple[int, float]]

COMPRESSION = "zstd"  # as in tajo_sf_pipeline.storage.parquet
IMPORTED = {"driver": "dagster_snowflake", "bare driver": "snowflake.connector"}


def read_by(transport: str, sandbox: Sandbox, query: str, path: Path) -> tuple[int, float]:
    """Read as an extract does."""
    snowflake = Snowflake.model_validate(
        {
            "account": sandbox.account,
            "user": sandbox.user,
            "auth": {"method": "pat", "token": sandbox.programmatic_access_token},
            "host": "127.0.0.1",
            "port": sandbox.snowflake_port,
            "protocol": "http",
            "database": sandbox.database,
            "schema": sandbox.schema,
            "transport": transport,
        }
    )
    source = SnowflakeSource(snowflake, sandbox.home)
    with (
        source.extract(Question(Statement(query, __name__), {}, "")) as extract,
        parquet.writing(path, extract.schema) as out,
    ):
        for batch in extract.batches:
            out.write(batch)
        out.finish({})
    return out.rows, (datetime.now(UTC) - extract.started_at).total_seconds()


def read_by_bare_driver(sandbox: Sandbox, query: str, path: Path) -> tuple[int, float]:
    """Write each batch as the driver gives it, in its types and with Arrow's own settings."""
    from snowflake.connector import connect

    rows = 0
    with connect(
        account=sandbox.account,
        user=sandbox.user,
        authenticator="PROGRAMMATIC_ACCESS_TOKEN",
        token=sandbox.programmatic_access_token,
        host="127.0.0.1",
        port=sandbox.snowflake_port,
        protocol="http",
        database=sandbox.database,
        schema=sandbox.schema,
        timezone="UTC",
        arrow_number_to_decimal=True,
    ) as connection:
        started = time.perf_counter()
        cursor = connection.cursor()
        cursor.execute(query)
        tables = cursor.fetch_arrow_batches(force_microsecond_precision=True)
        first = next(tables)
        with pq.ParquetWriter(path, first.schema, compression=COMPRESSION) as out:
            for table in chain([first], tables):
                out.write_table(table)
                rows += table.num_rows
    return rows, time.perf_counter() - started


def read_by_bare_httpx(sandbox: Sandbox, query: str, _: Path) -> tuple[int, float]:
    """Parse the JSON of each partition, one after the other, and make nothing of it."""
    headers = {
        "Accept": "application/json",
        "Authorization": f"Bearer {sandbox.programmatic_access_token}",
        "X-Snowflake-Authorization-Token-Type": "PROGRAMMATIC_ACCESS_TOKEN",
    }
    statement = {"statement": query, "database": sandbox.database, "schema": sandbox.schema}
    started = time.perf_counter()
    with httpx.Client(base_url=sandbox.snowflake_url, headers=headers, timeout=60) as http:
        submitted = http.post("/api/v2/statements", json=statement).raise_for_status()
        answer = orjson.loads(submitted.content)
        rows = len(answer["data"])
        address = f"/api/v2/statements/{answer['statementHandle']}"
        for number in range(1, len(answer["resultSetMetaData"]["partitionInfo"])):
            partition = http.get(address, params={"partition": number}).raise_for_status()
            rows += len(orjson.loads(partition.content)["data"])
    return rows, time.perf_counter() - started


READERS: dict[str, Reader] = {
    "driver": partial(read_by, "connector"),
    "bare driver": read_by_bare_driver,
    "SQL API": partial(read_by, "sql_api"),
    "bare httpx": read_by_bare_httpx,
}


def main() -> None:
    """Print what the reading took, as JSON."""
    name, home, port, query = sys.argv[1:]
    if name in IMPORTED:
        import_module(IMPORTED[name])
    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = Path(home, f"{name}.parquet")
    before = time.process_time()
    rows, seconds = READERS[name](Sandbox(Path(home), int(port), 0), query, path)
    work = {
        "rows": rows,
        "seconds": seconds,
        "processor_seconds": time.process_time() - before,
        "imported_kilobytes": imported,
    }
    sys.stdout.write(json.dumps(work))


if __name__ == "__main__":
    main()
