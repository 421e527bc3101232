"""Snowflake types for columns of text, found over all rows of a file."""

from collections.abc import Iterable

import duckdb

MOST_DIGITS = 38

# The first type whose pattern all values of a column match wins; a number with leading zeros (a
# postal code, a customer number) matches none and stays text.
PATTERNS = {
    "BOOLEAN": "(?i)true|false",
    "NUMBER": r"-?(0|[1-9]\d*)(\.\d+)?",
    "FLOAT": r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?",
    "DATE": r"\d{4}-\d\d-\d\d",
    "TIMESTAMP_NTZ": r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?",
    "TIMESTAMP_TZ": r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)",
}
IN_DUCKDB = {"FLOAT": "DOUBLE", "TIMESTAMP_NTZ": "TIMESTAMP", "TIMESTAMP_TZ": "TIMESTAMPTZ"}


def detect_types(
    connection: duckdb.DuckDBPyConnection, source: str, columns: Iterable[str]
) -> dict[str, str]:
    """Find the type of each column, in one pass over the source."""
    names = list(columns)
    measures = ", ".join(measure for name in names for measure in _measures(quoted(name)))
    found = connection.execute(f"SELECT {measures} FROM {source}").fetchone()
    assert found
    width = len(found) // len(names)
    return {
        name: _choose(found[position * width : (position + 1) * width])
        for position, name in enumerate(names)
    }


def converted(column: str, kind: str) -> str:
    """Write the expression that turns the text of a column into its type."""
    if kind == "VARCHAR":
        return quoted(column)
    duckdb_type = IN_DUCKDB.get(kind, kind.replace("NUMBER", "DECIMAL"))
    return f"CAST(NULLIF({quoted(column)}, '') AS {duckdb_type})"


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _measures(value: str) -> Iterable[str]:
    """For each pattern whether it holds throughout, then the digits before and after the point."""
    filled = f"FILTER (WHERE {value} <> '')"
    for kind, pattern in PATTERNS.items():
        fits = f"regexp_full_match({value}, {literal(pattern)})"
        if kind != "NUMBER":
            # 2026-02-30 looks like a date, and is none.
            fits += f" AND TRY_CAST({value} AS {IN_DUCKDB.get(kind, kind)}) IS NOT NULL"
        yield f"bool_and({fits}) {filled}"
    yield f"max(length(ltrim(split_part({value}, '.', 1), '-'))) {filled}"
    yield f"max(length(split_part({value}, '.', 2))) {filled}"


def _choose(measured: tuple[bool | int | None, ...]) -> str:
    *fitting, whole, scale = measured
    kind = next((kind for kind, fits in zip(PATTERNS, fitting, strict=True) if fits), "VARCHAR")
    if kind != "NUMBER":
        return kind
    assert whole is not None
    assert scale is not None
    if whole + scale > MOST_DIGITS:
        return "VARCHAR"
    # NUMBER(38,0) is Snowflake's integer; fakesnow keeps it in 64 bits, which hold 18 digits.
    precision = MOST_DIGITS if scale == 0 and whole <= 18 else whole + scale
    return f"NUMBER({precision},{scale})"
