"""What Dagster's UI shows of each step."""

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from tajo_sf_pipeline import parquet
from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.field_mapping import KEY_FIELD
from tajo_sf_pipeline.masking import masked
from tajo_sf_pipeline.snowflake.cost import Cost
from tajo_sf_pipeline.stages import Extracted, Mapped
from tajo_sf_pipeline.statement import Statement
from tajo_sf_pipeline.sync.summary import Summary

_SHOWN_REJECTS = 5
Metadata = dict[str, Any]


def of_statement(statement: Statement) -> Metadata:
    return {
        "query": dg.MetadataValue.md(f"```sql\n{statement.text.strip()}\n```"),
        "binds": ", ".join(f":{name}" for name in sorted(statement.binds())) or "none",
    }


def of_mapping(audience: Audience) -> Metadata:
    rows = "\n".join(f"| `{source}` | {target} |" for source, target in audience.fields.items())
    return {
        "field_mapping": dg.MetadataValue.md(f"| column | Brevo |\n|---|---|\n{rows}"),
        "destination": _destination(audience),
    }


def of_extract(extracted: Extracted, file: Path) -> Metadata:
    return {
        "dagster/partition_row_count": extracted.rows,
        "dagster/column_schema": _schema(extracted.schema),
        "file": dg.MetadataValue.path(str(file)),
        "query_id": extracted.query_id,
        "arrow_bytes": extracted.bytes,
        "partitions": extracted.partitions,
        "executing_seconds": round(extracted.executing_seconds, 3),
        "fetching_seconds": round(extracted.fetching_seconds, 3),
        "seconds": round(extracted.seconds, 3),
        **_cost(extracted.cost),
    }


def _cost(cost: Cost | str) -> Metadata:
    if isinstance(cost, str):
        return {"cost": cost}
    return {"queued_seconds": cost.queued_seconds, "cloud_services_credits": cost.credits}


def of_mapped(mapped: Mapped, rejected: Path, *, show_keys: bool) -> Metadata:
    found: Metadata = {
        "dagster/partition_row_count": mapped.rows,
        "dagster/column_schema": _schema(mapped.schema),
        "rejected_rows": mapped.rejected,
        "unmapped_columns": ", ".join(mapped.unmapped) or "none",
        "seconds": round(mapped.seconds, 3),
    }
    if mapped.rejected:
        reasons = "\n".join(f"| {reason} | {rows} |" for reason, rows in mapped.reasons.items())
        found["rejects"] = dg.MetadataValue.md(f"| reason | rows |\n|---|---|\n{reasons}")
        found["first_rejects"] = _first_rejects(rejected, show_keys=show_keys)
    return found


def of_sync(summary: Summary) -> Metadata:
    return {
        "dagster/partition_row_count": summary.confirmed,
        **{
            name: value
            for name, value in summary.as_json().items()
            if name not in ("audience", "sync_date", "run_id")
        },
    }


def told(extracted: Extracted) -> str:
    """Say in one line what a statement did, for ``log_level: verbose``."""
    return (
        f"statement {extracted.query_id}: {extracted.rows} rows, {extracted.bytes} bytes of Arrow, "
        f"{extracted.partitions} partitions, {extracted.executing_seconds:.2f} s executing, "
        f"{extracted.fetching_seconds:.2f} s fetching, {extracted.seconds:.2f} s in all"
    )


def _destination(audience: Audience) -> str:
    to = audience.destination
    return f"list {to.list_id}" if to.list_id else f"list {to.list!r} in folder {to.folder!r}"


def _schema(schema: pa.Schema) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(field.name, str(field.type), description=_DESCRIPTIONS.get(field.name))
            for field in schema
        ]
    )


_DESCRIPTIONS = {
    "_row": "the row's number in the extract",
    "_key": f"the contact's {KEY_FIELD}, trimmed and lower-cased",
    "_version": "the row's cursor, or the end of its sync date",
    "_payload": "the contact as Brevo's JSON",
    "_fingerprint": "the hash of the payload and of the mapping's version",
}


def _first_rejects(path: Path, *, show_keys: bool) -> dg.TableMetadataValue:
    first = next(parquet.batches(path)).slice(0, _SHOWN_REJECTS).to_pylist()
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "row": row["row"],
                    "key": _shown(row["key"], show=show_keys),
                    "column": row["column"],
                    "reason": row["reason"],
                }
            )
            for row in first
        ]
    )


def _shown(key: str | None, *, show: bool) -> str:
    if key is None:
        return ""
    return key if show else masked(key)
