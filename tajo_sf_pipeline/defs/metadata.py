"""What Dagster's UI shows of each step: what arrived, what changed, what was refused and why."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from tajo_sf_pipeline.audience.field_mapping import FLAGS, KEY_FIELD
from tajo_sf_pipeline.audience.lineage import origins
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.checks.inspection import Delivered
from tajo_sf_pipeline.checks.rows import first_rejects
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs import lineage, links
from tajo_sf_pipeline.engine.extraction import Extracted
from tajo_sf_pipeline.engine.mapped_files import Mapped
from tajo_sf_pipeline.engine.preview import Previewed, first_rows, same_contacts
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.sources.base import Cost
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.storage import parquet

_PREVIEWED = 5
Metadata = dict[str, Any]


def of_statement(statement: Statement) -> Metadata:
    return {
        "query": dg.MetadataValue.md(f"```sql\n{statement.text.strip()}\n```"),
        "binds": ", ".join(f":{name}" for name in sorted(statement.binds())) or "none",
    }


def of_mapping(audience: Audience) -> Metadata:
    rows = [(f"`{source}`", field.to) for source, field in audience.fields.items()]
    return {
        "field_mapping": _table(("column", "Brevo"), rows),
        "destination": audience.destination.as_text(),
    }


def of_extract(extracted: Extracted, partition: SyncRun) -> Metadata:
    snowflake, audience = partition.settings.snowflake, partition.audience
    columns = tuple(extracted.schema.names)
    page = links.of_query(snowflake, extracted.query_id)
    known = origins(audience.statement, snowflake.database, snowflake.schema_, columns)
    return {
        "dagster/partition_row_count": extracted.rows,
        "dagster/column_schema": _schema(extracted.schema),
        "dagster/column_lineage": lineage.of_extract(known),
        "what_arrived": _table(
            ("what", "how much"),
            [
                ("rows", f"{extracted.rows:,}"),
                ("columns", len(columns)),
                ("Arrow, in MB", f"{extracted.bytes / 1e6:,.1f}"),
                ("seconds that Snowflake took", f"{extracted.executing_seconds:,.1f}"),
                ("seconds to fetch", f"{extracted.fetching_seconds:,.1f}"),
            ],
        ),
        "file": dg.MetadataValue.path(str(partition.paths.extract(partition.day))),
        "query_id": extracted.query_id,
        **({"query_page": dg.MetadataValue.url(page)} if page else {}),
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


def of_mapped(mapped: Mapped, partition: SyncRun) -> Metadata:
    audience, rejected = partition.audience, partition.paths.rejected(partition.day)
    show = partition.settings.file.log_personal_data
    extracted = mapped.rows + mapped.rejected
    metadata: Metadata = {
        "dagster/partition_row_count": mapped.rows,
        "dagster/column_schema": _schema(mapped.schema),
        "dagster/column_lineage": lineage.of_mapped(
            audience.name, _made_of(partition, mapped.schema.names)
        ),
        "rejected_rows": mapped.rejected,
        "rejected_share": round(mapped.rejected / extracted, 4) if extracted else 0.0,
        "unmapped_columns": ", ".join(mapped.unmapped) or "none",
        "seconds": round(mapped.seconds, 3),
    }
    if first := list(first_rows(partition, _PREVIEWED)):
        metadata["preview"] = _preview(first)
    if mapped.losses:
        metadata["losses"] = dg.MetadataValue.md("\n".join(f"- {loss}" for loss in mapped.losses))
    if mapped.suspicions:
        metadata["suspicions"] = _table(
            ("looks wrong, and cost no row", "rows"), mapped.suspicions.items()
        )
    if mapped.rejected:
        metadata["rejects"] = _table(("reason", "rows"), mapped.reasons.items())
        records = [dg.TableRecord(dict(row)) for row in first_rejects(rejected, show=show)]
        metadata["first_rejects"] = dg.MetadataValue.table(records=records)
    if same := list(same_contacts(partition, _PREVIEWED)):
        metadata["same_contacts"] = _table(
            ("row", "left out", "kept row", "of the same contact"),
            [(row, _line(source), kept, _line(winner)) for row, source, kept, winner in same],
        )
    return metadata


def of_sync(summary: Summary, delivered: Delivered, partition: SyncRun) -> Metadata:
    settings, audience = partition.settings, partition.audience
    mapped = parquet.schema(partition.paths.mapped(partition.day))
    types = {field.name: str(field.type) for field in mapped}
    targets = delivered.targets
    numbers = {name: value for name, value in summary.as_json().items() if name not in _ELSEWHERE}
    metadata: Metadata = {
        "dagster/partition_row_count": summary.confirmed,
        "dagster/column_schema": dg.TableSchema(
            columns=[dg.TableColumn(to, types[column]) for to, column in targets.items()]
        ),
        "dagster/column_lineage": lineage.of_sync(audience.name, targets),
        "what_changed": _table(("rows", "how many", "which"), _changes(summary)),
        **numbers,
        "minutes": round(summary.seconds / 60, 2),
        "refused_share": round(summary.failed / summary.planned, 4) if summary.planned else 0.0,
        "budget_used": delivered.budget_used,
        "destination": audience.destination.as_text(),
    }
    if summary.accepted_guards:
        metadata["accepted_guards"] = ", ".join(summary.accepted_guards)
    if delivered.refusals:
        metadata["refused"] = _table(("Brevo's reason", "rows"), delivered.refusals)
    if delivered.lists:
        metadata["lists"] = _lists(settings, delivered.lists)
    if summary.differences:
        metadata["differences"] = _table(("attribute", "contacts"), summary.differences.items())
    return metadata


_ELSEWHERE = frozenset(
    {"audience", "sync_date", "run_id", "differences", "accepted_guards", "path", "outcome"}
)


def as_text(extracted: Extracted) -> str:
    """Say in one line what a statement did, for ``log_level: verbose``."""
    return (
        f"statement {extracted.query_id}: {extracted.rows} rows, {extracted.bytes} bytes of Arrow, "
        f"{extracted.partitions} partitions, {extracted.executing_seconds:.2f} s executing, "
        f"{extracted.fetching_seconds:.2f} s fetching, {extracted.seconds:.2f} s in all"
    )


def _changes(summary: Summary) -> list[tuple[str, str, str]]:
    return [
        (name.replace("_", " "), f"{getattr(summary, name):,}", meaning)
        for name, meaning in _MEANINGS.items()
        if getattr(summary, name) or name in _ALWAYS
    ]


_ALWAYS = frozenset({"created", "updated", "unchanged"})
_MEANINGS = {
    "created": "Brevo did not have them from this audience",
    "updated": "Brevo had them with other values",
    "removed": "they have left the audience",
    "retried": "an earlier run failed to bring them",
    "unchanged": "Brevo has them as they are, nothing was sent",
    "stale": "Brevo has something newer, nothing was sent",
    "skipped_by_mode": "the audience's mode leaves them alone",
    "rejected": "the mapping could not take them, see `mapped`",
    "failed": "Brevo refused them, see the reasons",
    "pending": "Brevo has not answered yet",
    "resubscribe": "of these were taken off the blocklist: they say yes again",
    "kept_blocklisted": "of these say yes, and Brevo's opt-out stands",
}


def _made_of(partition: SyncRun, mapped: Sequence[str]) -> dict[str, list[str]]:
    """Return for each mapped column the extract's columns behind it, in their own spelling."""
    audience = partition.audience
    extract = parquet.schema(partition.paths.extract(partition.day)).names
    by_name = {name.lower(): name for name in extract}
    sources: dict[str, list[str]] = {}
    for source, field in audience.fields.items():
        target = "_key" if source == audience.key_column else FLAGS.get(field.to, field.to)
        if target in mapped:
            sources[target] = [
                by_name[name] for name in sorted(field.reads(source)) if name in by_name
            ]
    if audience.cursor in by_name:
        sources["_version"] = [by_name[audience.cursor]]
    return sources


def _preview(rows: Iterable[Previewed]) -> dg.MetadataValue[Any]:
    """Show each row as three lines: as it came, as Brevo gets it, or why it does not."""
    table = [
        (row.row, _line(row.source), _line(row.mapped or {}), "; ".join(row.reasons))
        for row in rows
    ]
    return _table(("row", "source", "mapped", "rejected because"), table)


def _line(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items() if value is not None)


def _lists(settings: Settings, lists: Iterable[tuple[str, int, int]]) -> dg.MetadataValue[Any]:
    rows = []
    for name, number, contacts in lists:
        page = links.of_list(settings.brevo, number)
        rows.append((f"[{name}]({page})" if page else name, number, contacts))
    return _table(("list", "id", "rows of this run"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue[Any]:
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
    return dg.MetadataValue.md(table)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


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
