"""fakesnow's engine on files, with answers that end: bounded caches, Snowflake's own errors."""

import threading
import time
import weakref
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow
from snowflake.connector.cursor import DictCursor, SnowflakeCursor
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tajo_sf_pipeline.sandbox.snowflake import DATABASE, SCHEMA, USER
from tajo_sf_pipeline.sandbox.snowflake.changes import FUNCTION, Changes
from tajo_sf_pipeline.sandbox.snowflake.errors import as_snowflake_error
from tajo_sf_pipeline.sandbox.snowflake.host_files import keep_inside, refuse_files
from tajo_sf_pipeline.sandbox.snowflake.wire import as_sent

SECONDS_TO_INTERRUPT_AGAIN = 0.05
# Small enough that the shop's 20,000 customers already arrive in more than one batch.
INLINE_ROWS = 10_000


class RecentResults(OrderedDict[str, tuple[Any, ...]]):
    """Query id to a tuple that starts with an Arrow table; forgets the oldest above a size.

    Threads write into it side by side.
    """

    MAX_BYTES = 256 * 1024 * 1024
    MAX_RESULTS = 128

    def __init__(self, *, always_kept: int) -> None:
        super().__init__()
        self._always_kept = always_kept
        self._lock = threading.Lock()

    def __setitem__(self, query_id: str, result: tuple[Any, ...]) -> None:
        with self._lock:
            super().__setitem__(query_id, result)
            while len(self) > self._always_kept and self._too_much():
                self.popitem(last=False)

    def _too_much(self) -> bool:
        size = sum(result[0].nbytes for result in self.values())
        return len(self) > self.MAX_RESULTS or size > self.MAX_BYTES


class Warehouse(FakeSnow):
    """The databases in a folder; signing in never creates one, as in Snowflake."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()  # DuckDB compares where it may go as text
        super().__init__(db_path=folder)
        self.folder = folder
        self.results_cache = RecentResults(always_kept=2)
        self._sessions: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._sessions_lock = threading.Lock()
        self._closed = False
        self.duck_conn.execute("SET temp_directory = ?", [str(folder / "spilled")])
        self.changes = Changes(self.duck_conn.cursor())
        for file in folder.glob("*.db"):
            self.provide(file.stem, SCHEMA)
        self.provide(DATABASE, SCHEMA)
        keep_inside(self.duck_conn, folder)

    def provide(self, database: str, schema: str) -> None:
        """Make sure that the database and the schema exist, and are attached."""
        super().connect(database, schema).close()
        self.changes.provide(database)

    def connect(
        self,
        database: str | None = None,
        schema: str | None = None,
        nop_regexes: list[str] | None = None,
        **kwargs: Any,
    ) -> "Connection":
        # The connection that all share takes one call at a time, and none while it closes.
        with self._sessions_lock:
            if self._closed:
                raise InterruptedError
            session = Connection(
                self.duck_conn.cursor(),
                self.results_cache,
                database,
                schema,
                create_database=False,
                create_schema=False,
                db_path=self.db_path,
                nop_regexes=nop_regexes,
                **kwargs,
            )
            self._sessions.add(session)
        session.changes = self.changes
        return session

    def close(self) -> None:
        """Write everything into the database files; what still runs or is open is given up."""
        with self._sessions_lock:
            self._closed = True
        threading.Thread(target=self._interrupt_sessions, daemon=True).start()
        attached = self.duck_conn.execute(
            "SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL"
        ).fetchall()
        for (database,) in attached:
            self.duck_conn.execute(f'FORCE CHECKPOINT "{database}"')
        # A statement that does not end at once keeps it open until the process ends.
        with suppress(duckdb.Error):
            self.duck_conn.close()

    def _interrupt_sessions(self) -> None:
        # Once is not enough: an interruption just before DuckDB begins is lost.
        while sessions := set(self._sessions):
            for session in sessions:
                with suppress(duckdb.ConnectionException):
                    session.interrupt()
            del sessions, session
            time.sleep(SECONDS_TO_INTERRUPT_AGAIN)


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a session works: what CURRENT_USER() and its like answer, which fakesnow cannot."""

    user: str = USER
    role: str | None = None
    warehouse: str | None = None


class Connection(FakeSnowflakeConnection):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unsent: dict[str, pa.Table] = {}
        self.identity = Identity()
        self.changes: Changes | None = None

    def cursor(self, cursor_class: type[SnowflakeCursor] = SnowflakeCursor) -> "Cursor":
        return Cursor(self, self._duck_conn, use_dict_result=issubclass(cursor_class, DictCursor))

    def set_time_zone(self, name: str) -> None:
        """Set what ALTER SESSION SET TIMEZONE does, which fakesnow refuses."""
        self._duck_conn.execute("SET TimeZone = ?", [name])

    def interrupt(self) -> None:
        """Have the statement fail that another thread executes here."""
        self._duck_conn.interrupt()


class Cursor(FakeSnowflakeCursor):
    """Fails as Snowflake does, and hands the server only what belongs into the first answer."""

    _arrow_table: pa.Table | None
    _conn: Connection

    def execute(
        self,
        command: str,
        params: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> "Cursor":
        refuse_files(command)
        try:
            super().execute(command, params, *args, **kwargs)
        except Exception as error:
            # fakesnow answers what it does not know with HTTP 500, which the driver retries
            # for ever; any error of a statement becomes one that the driver raises at once.
            raise as_snowflake_error(error) from error
        self._note_change(command)
        if kwargs.get("server") and self._arrow_table is not None and self._sfqid:
            table = as_sent(self._arrow_table)
            self._arrow_table = table.slice(0, INLINE_ROWS)
            if table.num_rows > INLINE_ROWS:
                self._conn.unsent[self._sfqid] = table
        return self

    def rows(self) -> pa.Table:
        """All rows of the last statement, as DuckDB gave them."""
        assert self._arrow_table is not None
        return self._arrow_table

    def described(self) -> list[tuple[Any, ...]]:
        """DuckDB's description of the last statement's columns."""
        description: list[tuple[Any, ...]] = self._describe_last_sql()
        return description

    def _transform(self, expression: exp.Expr, params: Any) -> exp.Expr:
        """Add up numbers exactly: fakesnow turns them into doubles, as Snowflake does for text."""
        expression = expression.transform(self._as_identity)
        for total in expression.find_all(exp.Sum):
            total.meta["exact"] = not isinstance(total.this, exp.Cast)
        transformed = super()._transform(expression, params)
        for total in transformed.find_all(exp.Sum):
            if total.meta.get("exact") and isinstance(total.this, exp.TryCast):
                total.set("this", total.this.this)
        return transformed

    def _note_change(self, command: str) -> None:
        if self._conn.changes and command.lstrip()[:6].upper() != "SELECT":
            with suppress(SqlglotError):
                for statement in sqlglot.parse(command, read="snowflake"):
                    if statement:
                        place = self._conn.database, self._conn.schema
                        self._conn.changes.note(statement, *place)

    def _as_identity(self, node: exp.Expr) -> exp.Expr:
        identity = self._conn.identity
        match node:
            case exp.Anonymous() if node.name.upper() == FUNCTION and self._conn.changes:
                return self._conn.changes.call(node, self._conn.database, self._conn.schema)
            case exp.CurrentUser():
                return exp.Literal.string(identity.user)
            case exp.CurrentRole():
                return exp.Literal.string(identity.role or "PUBLIC")
            case exp.CurrentWarehouse():
                return exp.Literal.string(identity.warehouse or "COMPUTE_WH")
        return node
