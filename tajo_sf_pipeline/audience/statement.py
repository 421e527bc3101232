"""What a SQL statement says of itself: its binds, the tables it reads, the columns it returns."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokenizer_core import Token, TokenType

from tajo_sf_pipeline.errors import ConfigurationError

BindValue = str | date | datetime
BINDS = ("window_start", "window_end", "last_sync", "sync_date", "partition_key")
_REMEMBERED = 4096  # statements: those of a large workspace
_QUERIES = frozenset({"SELECT", "WITH", "("})


class Table(NamedTuple):
    """A table's full name, upper-cased as Snowflake stores names that are not quoted."""

    database: str
    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A query in Snowflake's dialect, as its author wrote it; `origin` says where, for errors."""

    text: str
    origin: str

    def binds(self) -> frozenset[str]:
        """Name the binds that the query uses; raise `ConfigurationError` for an unknown one."""
        return frozenset(name for name, _, _ in _positions(self))

    def positional(self, values: Mapping[str, BindValue]) -> tuple[str, list[BindValue]]:
        """Return the text with ``?`` for each bind, and the values in their order."""
        text, taken, end = "", [], 0
        for name, start, stop in _positions(self):
            text += self.text[end:start] + "?"
            taken.append(values[name])
            end = stop
        return text + self.text[end:], taken

    def check_is_one_query(self) -> None:
        """Refuse several statements, and a command; what only Snowflake can parse passes."""
        tokens = self._tokens()
        first = tokens[0].text.upper() if tokens else "nothing"
        if first not in _QUERIES:
            raise ConfigurationError(
                "TAJO-126",
                f"{self.origin} is not a query: it begins with {first}",
                "Write one SELECT, or WITH ... SELECT.",
            )
        for end, second in pairwise(tokens):
            if end.token_type is TokenType.SEMICOLON is not second.token_type:
                raise ConfigurationError(
                    "TAJO-125",
                    f"{self.origin}, line {second.line}: a second statement begins",
                    "Keep one query; an audience has no others.",
                )

    def sources(self, database: str, schema: str) -> tuple[Table, ...]:
        """List the tables that the query reads; none when we cannot parse it.

        A statement that only Snowflake understands still runs: lineage is what is missing then.
        """
        return _sources(self, database, schema)

    def columns(self) -> frozenset[str] | None:
        """Name the columns that the query returns, lower-cased; None where it says ``*``."""
        query = self.parsed()
        if not isinstance(query, exp.Query) or query.is_star:
            return None
        return frozenset(name.lower() for name in query.named_selects)

    def limited(self, rows: int) -> "Statement":
        """Return the query for its first rows; its lines keep their numbers, for errors."""
        return Statement(f"SELECT * FROM {self._subquery()} LIMIT {rows:d}", self.origin)

    def among(self, column: str, values: int) -> "Statement":
        """Return the query for the rows whose column has one of so many values, each a ``?``."""
        name = exp.to_identifier(column).sql(dialect="snowflake")
        marks = ", ".join("?" * values)
        return Statement(f"SELECT * FROM {self._subquery()} WHERE {name} IN ({marks})", self.origin)

    def _subquery(self) -> str:
        tokens = self._tokens()
        while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens = tokens[:-1]
        end = tokens[-1].end + 1 if tokens else 0
        # The line break ends a comment that stands behind the query.
        return f"({self.text[:end]}\n)"

    def _tables(self) -> Iterator[exp.Table]:
        # By scope: in `WITH orders AS (SELECT * FROM orders)` the inner one is a table.
        query = self.parsed()
        try:
            scopes = traverse_scope(query) if query else []
        except SqlglotError:
            return
        for scope in scopes:
            yield from (s for s in scope.sources.values() if isinstance(s, exp.Table))

    def parsed(self) -> exp.Expr | None:
        """Return the query as sqlglot reads it; None for what only Snowflake understands."""
        try:
            # A comment behind the semicolon is a second one.
            return sqlglot.parse(self.text, dialect="snowflake")[0]
        except SqlglotError:
            return None

    def _bind_positions(self) -> Iterator[tuple[str, int, int]]:
        for colon, name in pairwise(self._tokens()):
            if self._is_bind(colon, name):
                bind = name.text.lower()
                if bind not in BINDS:
                    raise self._unknown(name)
                yield bind, colon.start, name.end + 1

    def _is_bind(self, colon: Token, name: Token) -> bool:
        # `payload:city` and `{'city':name}` read and make a VARIANT: there the colon touches
        # what stands before it.
        before = self.text[colon.start - 1 : colon.start]
        return (
            colon.token_type is TokenType.COLON
            and colon.end + 1 == name.start
            and name.text.isidentifier()
            and not (before.isalnum() or before in tuple("_$\"')]"))
        )

    def _tokens(self) -> list[Token]:
        try:
            return Snowflake().tokenize(self.text)
        except SqlglotError as error:
            raise ConfigurationError(
                "TAJO-121", f"{self.origin} is not SQL: {error}", "Correct the statement."
            ) from None

    def _unknown(self, name: Token) -> ConfigurationError:
        near = difflib.get_close_matches(name.text.lower(), BINDS, n=1)
        hint = f"Did you mean :{near[0]}? " if near else ""
        return ConfigurationError(
            "TAJO-122",
            f"{self.origin}, line {name.line}: unknown bind :{name.text}",
            f"{hint}A query may bind {', '.join(':' + bind for bind in BINDS)}.",
        )


@lru_cache(_REMEMBERED)  # asked by assets, sensors and lineage; to parse takes long
def _sources(statement: Statement, database: str, schema: str) -> tuple[Table, ...]:
    tables = {
        stored_table(table, database, schema)
        for table in statement._tables()  # noqa: SLF001
        if isinstance(table.this, exp.Identifier)  # not a table function, nor a stage
    }
    return tuple(sorted(tables))


@lru_cache(_REMEMBERED)
def _positions(statement: Statement) -> tuple[tuple[str, int, int], ...]:
    """Return each bind of a statement with where it begins and ends, in their order."""
    return tuple(statement._bind_positions())  # noqa: SLF001


def table_named(text: str, database: str, schema: str) -> Table:
    """Read a table's name as SQL writes it; raise `ValueError` for what is none."""
    try:
        table = sqlglot.parse_one(text, into=exp.Table, dialect="snowflake")
    except SqlglotError:
        table = exp.Table()
    if not isinstance(table.this, exp.Identifier) or table.alias:
        raise ValueError("must be a table's name, such as DATABASE.SCHEMA.TABLE")
    return stored_table(table, database, schema)


def stored_table(table: exp.Table, database: str, schema: str) -> Table:
    """Return a table's full name; what it leaves out is the workspace's."""
    return Table(
        _stored(table.args.get("catalog")) or database.upper(),
        _stored(table.args.get("db")) or schema.upper(),
        _stored(table.this),
    )


def _stored(name: exp.Expr | None) -> str:
    if not isinstance(name, exp.Identifier):
        return ""
    return name.name if name.quoted else name.name.upper()
