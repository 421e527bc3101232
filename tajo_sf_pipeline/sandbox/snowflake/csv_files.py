"""CSV files into tables whose types hold for every row of the file."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tajo_sf_pipeline.sandbox.snowflake import DATABASE, SCHEMA
from tajo_sf_pipeline.sandbox.snowflake.csv_types import converted, detect_types, literal, quoted
from tajo_sf_pipeline.sandbox.snowflake.warehouse import Warehouse

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
DELIMITERS = ",;\t|"


class CsvError(Exception):
    """What is wrong with a table's name or a file, and in which line or column."""


@dataclass(frozen=True, slots=True)
class LoadedTable:
    table: str
    rows: int
    columns: dict[str, str]


def load_csv(warehouse: Warehouse, table: str, file: Path) -> LoadedTable:
    """Create or replace the table; a file that cannot be loaded leaves an old one as it was."""
    database, schema, name = _table_parts(table)
    names, delimiter = _read_header(file)
    source = _reader(file, names, delimiter)
    connection = warehouse.duck_conn.cursor()
    try:
        types = detect_types(connection, source, names)
    except duckdb.InvalidInputException as error:
        raise CsvError(_where(error)) from error
    warehouse.provide(database, schema)
    target = f"{database}.{schema}.{quoted(name)}"
    declared = ", ".join(f"{quoted(column)} {kind}" for column, kind in types.items())
    # Created by fakesnow's SQL, so that it knows the columns; filled by DuckDB, which is fast.
    warehouse.connect().cursor().execute(f"CREATE OR REPLACE TABLE {target} ({declared})")
    values = ", ".join(converted(column, kind) for column, kind in types.items())
    inserted = connection.execute(f"INSERT INTO {target} SELECT {values} FROM {source}").fetchone()
    assert inserted
    warehouse.changes.changed((database, schema, name))
    return LoadedTable(f"{database}.{schema}.{name}", inserted[0], types)


def _table_parts(table: str) -> tuple[str, str, str]:
    parts = table.upper().split(".")
    if len(parts) == 1:
        parts = [DATABASE, SCHEMA, *parts]
    if len(parts) != 3 or not all(IDENTIFIER.fullmatch(part) for part in parts):
        raise CsvError(f"{table!r} is no table name: write NAME or DATABASE.SCHEMA.NAME")
    return parts[0], parts[1], parts[2]


def _read_header(file: Path) -> tuple[list[str], str]:
    """Column names in upper case and the delimiter, taken from the first line."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            line = text.readline()
    except UnicodeDecodeError as error:
        raise CsvError("the file is not encoded in UTF-8") from error
    delimiter = max(DELIMITERS, key=line.count)
    names = [name.strip().upper() for name in next(csv.reader([line], delimiter=delimiter), [])]
    if not names:
        raise CsvError("line 1: the file has no header")
    for position, name in enumerate(names, start=1):
        if not name:
            raise CsvError(f"line 1: column {position} has no name")
        if name in names[: position - 1]:
            raise CsvError(f"line 1: column {position} repeats the name {name}")
    return names, delimiter


def _reader(file: Path, names: list[str], delimiter: str) -> str:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    # An empty field is NULL and a quoted empty field is '', as in Snowflake's COPY.
    return (
        f"read_csv({literal(str(file))}, columns={{{columns}}}, delim={literal(delimiter)}, "
        """header=true, auto_detect=false, quote='"', escape='"', nullstr='', """
        "allow_quoted_nulls=false, strict_mode=true)"
    )


def _where(error: duckdb.Error) -> str:
    """Pick the line and the reason out of DuckDB's page of advice."""
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    reason = re.search(
        r"Expected Number of Columns: \d+ Found: \d+|Value with unterminated quote|Invalid unicode",
        text,
    )
    said = reason[0] if reason else text.splitlines()[0]
    return f"line {line[1]}: {said}" if line else said
