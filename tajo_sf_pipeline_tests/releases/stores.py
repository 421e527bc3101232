"""What a TAJO_HOME holds and in which form, as text: a change of any store is a change of it."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

_NAMES = (
    (r"\d{4}-\d{2}-\d{2}", "<date>"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "<run>"),
    (r"[0-9a-f]{16}", "<credential>"),
)
# Folders that are not of one audience: some are all audiences', some not ours.
_AUDIENCES = {"budget": (None,), "dead_letters": (None,), "dagster": (), "locks": ()}


def told(home: Path, *audiences: str) -> str:
    """Tell the files of these audiences, and the columns and keys of the stores among them.

    What a store has in common with one that was told before is not told again.
    """
    lines: dict[str, None] = {}
    for folder in sorted(home.iterdir()):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for audience in _AUDIENCES.get(folder.name, audiences):
            for path in files:
                if name := _named(path.relative_to(home), audience):
                    lines |= dict.fromkeys([name, *(f"  {line}" for line in _inside(path))])
    return "\n".join(lines) + "\n"


def _named(path: Path, audience: str | None) -> str | None:
    """Name a file of the audience, or of all of them, by what it is; None for any other."""
    name = str(path)
    if path.suffix in {".lock", ".sqlite-shm", ".sqlite-wal"}:
        return None
    if audience is not None:
        if path.parts[1].partition(".")[0] != audience:
            return None
        name = name.replace(audience, "<audience>")
    for pattern, what in _NAMES:
        name = re.sub(pattern, what, name)
    return name


def _inside(path: Path) -> Iterator[str]:
    if path.parent.name == "budget":
        return  # it may be forgotten
    match path.suffix:
        case ".duckdb":
            yield from _ledger(path)
        case ".sqlite":
            yield from _dead_letters(path)
        case ".parquet":
            yield from _parquet(path)
        case ".arrow":
            with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as plan:
                yield _columns(plan.schema)
        case ".journal":
            yield from _journal(path)
        case ".json":
            found = json.loads(path.read_text(encoding="utf-8"))
            yield f"{{column: type}}, as {json.dumps(found)}"


def _ledger(path: Path) -> Iterator[str]:
    with duckdb.connect(path, read_only=True) as database:
        [(version,)] = database.execute("SELECT version FROM schema_version").fetchall()
        yield f"version {version}"
        found = database.execute(
            "SELECT table_name, string_agg(column_name || ' ' || data_type "
            "|| if(is_nullable, '', ' NOT NULL'), ', ' ORDER BY column_index) "
            "FROM duckdb_columns() WHERE NOT internal GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        yield from (f"{table}({columns})" for table, columns in found)
        summaries = database.execute("SELECT summary FROM runs").fetchall()
        yield from (f"runs.summary: {', '.join(json.loads(text))}" for (text,) in summaries)


def _dead_letters(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as database:
        [(version,)] = database.execute("PRAGMA user_version").fetchall()
        yield f"version {version}"
        made = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        for (sql,) in made:
            yield " ".join(re.sub("--.*", "", sql).split())


def _parquet(path: Path) -> Iterator[str]:
    yield _columns(pq.read_schema(path))
    yield f"tajo: {', '.join(json.loads(pq.read_metadata(path).metadata[b'tajo']))}"


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _journal(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        [(first, value), *more] = json.loads(line).items()
        keys = f": {', '.join(value)}" if isinstance(value, dict) else ""
        yield ", ".join([first, *(key for key, _ in more)]) + keys
