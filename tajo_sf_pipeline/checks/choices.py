"""The values of category and multiple-choice attributes compared with Brevo's options."""

from collections.abc import Collection, Mapping
from pathlib import Path

from tajo_sf_pipeline.checks.verdict import EXAMPLES, Verdict
from tajo_sf_pipeline.storage import duckdb_pool, parquet
from tajo_sf_pipeline.telemetry.personal import shown


def unknown(mapped: Path, options: Mapping[str, Collection[str]]) -> Verdict:
    """Check the mapped columns that have `options`; letter case makes no difference.

    Brevo drops a value that is not one of them (developers.brevo.com/reference/createcontact).
    An option is shown as it is, unless it looks like somebody's address or number.
    """
    schema = parquet.schema(mapped)
    checked = [name for name in options if name in schema.names]
    counts: dict[str, int | float] = {"attributes": len(checked), "unknown": 0}
    problems: list[str] = []
    examples: list[dict[str, str | int]] = []
    for name in checked:
        allowed = {option.strip().lower() for option in options[name]}
        is_list = str(schema.field(name).type).startswith(("list", "large_list"))
        for value, rows in _distinct(mapped, name, is_list=is_list):
            if value.strip().lower() not in allowed:
                counts["unknown"] += rows
                rendered = str(shown(name, value, show=False))
                problems.append(f"{name} has no option {rendered!r}, which {rows} rows want")
                examples.append({"attribute": name, "value": rendered, "rows": rows})
    return Verdict(not problems, counts, tuple(problems[:EXAMPLES]), tuple(examples[:EXAMPLES]))


def _distinct(mapped: Path, name: str, *, is_list: bool) -> list[tuple[str, int]]:
    quoted = '"' + name.replace('"', '""') + '"'
    values = f"unnest({quoted})" if is_list else quoted
    with duckdb_pool.connection(mapped.parent) as database:
        return database.execute(
            f"SELECT v::VARCHAR, count(*) FROM (SELECT {values} AS v FROM read_parquet(?)) "
            "WHERE v IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
            [str(mapped)],
        ).fetchall()
