"""Rows of one extract compared: those that would be one contact, and the newest."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tajo_sf_pipeline.storage import duckdb_pool

DUPLICATE = "repeats the contact of another row"


def losers(mapped: Path) -> pa.Table:
    """Return `_row` and `_key` of every mapped row that another with its key outdoes, `kept_row`.

    The greatest version wins; between equals the payload decides, not the order in which the
    warehouse happened to return them, so that the same rows always have the same winner (S15).
    """
    with duckdb_pool.connection(mapped.parent, memory="128MB", threads=1) as database:
        return database.sql(
            """
            WITH several AS (
                SELECT hash(_key) AS hashed FROM read_parquet($mapped)
                GROUP BY hashed HAVING count(*) > 1
            )
            SELECT _row, _key, first_value(_row) OVER same AS kept_row
            FROM read_parquet($mapped) SEMI JOIN several ON hash(_key) = hashed
            WINDOW same AS (PARTITION BY _key ORDER BY _version DESC, _payload DESC, _row)
            QUALIFY row_number() OVER same > 1
            ORDER BY _row
            """,
            params={"mapped": str(mapped)},
        ).to_arrow_table()


def greatest_version(mapped: Path) -> str | None:
    """Return the newest row's version in ISO form, or None where nothing was mapped."""
    with duckdb_pool.connection(mapped.parent) as database:
        [(microseconds,)] = database.execute(
            "SELECT epoch_us(max(_version)) FROM read_parquet(?)", [str(mapped)]
        ).fetchall()
    if microseconds is None:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()
