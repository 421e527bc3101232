"""What each field reads: columns as they are, and what expressions, paths and constants give."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience import expression
from tajo_sf_pipeline.audience.field_mapping import Field
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.errors import MappingError

_FAILED = "cannot be computed"
_NOT_JSON = "is not JSON"


@dataclass(frozen=True, slots=True)
class SourceValues:
    """A field's values before anything is made of them, and why some could not be had."""

    values: pa.Array
    problems: pa.Array | None = None


class Sources:
    """The sources of an audience's fields in an extract's columns, found without regard to case.

    Raises `MappingError` for columns that are missing or ambiguous, and for expressions that do
    not fit the columns' types.
    """

    def __init__(self, audience: Audience, schema: pa.Schema, timezone: str) -> None:
        self._schema = schema
        self._indexes = {name.lower(): index for index, name in enumerate(schema.names)}
        self.fields = _present(audience, self._indexes)
        needs = [_needs(source, field, self._indexes) for source, field in self.fields.items()]
        self.columns = frozenset(audience.columns).union(*needs)
        _check_names(audience, schema, self.columns)
        self._computed = {
            source: computed
            for source, field in self.fields.items()
            if (computed := self._expression(source, field)) is not None
        }
        self._database = _database(timezone) if self._computed else None
        self._types = self._described(audience)

    def index(self, column: str) -> int:
        return self._indexes[column]

    def name(self, source: str) -> str:
        """Return the column's name as the warehouse has it; of what is computed, the mapping's."""
        if self._is_computed(source):
            return source
        return str(self._schema.names[self._indexes[source.lower()]])

    def type(self, source: str) -> pa.DataType:
        if self._is_computed(source):
            return self._types[source]
        return self._schema.field(self._indexes[source.lower()]).type

    def read(self, batch: pa.RecordBatch) -> dict[str, SourceValues]:
        """Return each field's values."""
        computed = self._evaluate(batch) if self._computed else {}
        return {
            source: computed.get(source) or self._column(source, field, batch)
            for source, field in self.fields.items()
        }

    def _is_computed(self, source: str) -> bool:
        return source in self._computed or self.fields[source].value is not None

    def _expression(self, source: str, field: Field) -> expression.Expression | None:
        if field.expression is not None:
            return expression.parsed(field.expression)
        if field.value is not None or source.lower() in self._indexes:
            return None
        return expression.path(source)

    def _column(self, source: str, field: Field, batch: pa.RecordBatch) -> SourceValues:
        if field.value is not None:
            return SourceValues(pa.repeat(pa.scalar(field.value), batch.num_rows))
        return SourceValues(batch.column(self._indexes[source.lower()]))

    def _described(self, audience: Audience) -> dict[str, pa.DataType]:
        values = {
            source: pa.scalar(field.value).type
            for source, field in self.fields.items()
            if field.value is not None
        }
        if not self._computed:
            return values
        empty = pa.RecordBatch.from_pylist([], schema=self._schema)
        try:
            evaluated = self._evaluate(empty)
        except duckdb.Error as error:
            raise MappingError(
                "TAJO-605",
                f"an expression in the field mapping of {audience.name} does not fit the columns: "
                f"{str(error).splitlines()[0]}",
                "Correct the expression; it is DuckDB's SQL over the columns of the query.",
            ) from None
        return values | {source: each.values.type for source, each in evaluated.items()}

    def _evaluate(self, batch: pa.RecordBatch) -> dict[str, SourceValues]:
        """Compute every expression. A row in which one fails has a problem, its neighbours none."""
        indexes = sorted({self._indexes[n] for e in self._computed.values() for n in e.columns})
        rows = pa.table(
            [*(batch.column(index) for index in indexes), pa.nulls(batch.num_rows, pa.bool_())],
            names=[*(self._schema.names[index].lower() for index in indexes), "\x1f"],
        )
        # Where TRY gives a null for `... IS NULL` too, the expression itself has failed.
        selected = ", ".join(
            f"TRY({each.sql}) AS v{n}, TRY(({each.sql}) IS NULL) AS n{n}"
            for n, each in enumerate(self._computed.values())
        )
        assert self._database
        self._database.register("rows", rows)
        computed: pa.Table = self._database.sql(f"SELECT {selected} FROM rows").to_arrow_table()
        self._database.unregister("rows")
        return {
            source: _source_values(
                _array(computed[f"v{n}"]),
                _array(computed[f"n{n}"]),
                _FAILED if self.fields[source].expression else _NOT_JSON,
            )
            for n, source in enumerate(self._computed)
        }


def _database(timezone: str) -> duckdb.DuckDBPyConnection:
    """Open an engine of its own, in memory, that can read nothing but the rows it is given."""
    database = duckdb.connect(config={"threads": 1})
    database.execute("SET TimeZone = ?", [timezone])
    database.execute("SET enable_external_access = false")
    # It would take an expression out of its TRY where another TRY has it too.
    database.execute("SET disabled_optimizers = 'common_subexpressions'")
    return database


def _source_values(values: pa.Array, is_null: pa.Array, reason: str) -> SourceValues:
    failed = pc.and_(pc.is_null(values), pc.invert(pc.fill_null(is_null, False)))
    if not pc.any(failed).as_py():
        return SourceValues(values)
    return SourceValues(values, pc.if_else(failed, reason, pa.scalar(None, pa.string())))


def _array(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.chunks else pa.array([], column.type)


def _present(audience: Audience, indexes: Mapping[str, int]) -> dict[str, Field]:
    """Return the fields whose columns the extract has; refuse what is missing and must be there."""
    needs = {source: _needs(source, field, indexes) for source, field in audience.fields.items()}
    present = {source for source, columns in needs.items() if columns <= indexes.keys()}
    must = [audience.key_column] if audience.optional else list(needs)
    required = [*(name for source in must for name in sorted(needs[source])), *audience.columns]
    missing = [name for name in dict.fromkeys(required) if name not in indexes]
    if missing:
        raise MappingError(
            "TAJO-601",
            f"{audience.statement.origin} does not return {_with_hints(missing, indexes)}, which "
            f"the field mapping of {audience.name} names",
            f"Select it, or take it out of the mapping. The query returns: {', '.join(indexes)}.",
        )
    return {source: field for source, field in audience.fields.items() if source in present}


def _needs(source: str, field: Field, indexes: Mapping[str, int]) -> frozenset[str]:
    """Name the columns of a field; a column whose name has a dot is not a path into another."""
    if source.lower() in indexes and field.expression is None and field.value is None:
        return frozenset({source.lower(), *field.columns})
    return field.reads(source)


def _check_names(audience: Audience, schema: pa.Schema, used: Iterable[str]) -> None:
    """Refuse two columns of one name that the mapping wants."""
    times = Counter(name.lower() for name in schema.names)
    twice = [name for name in schema.names if times[name.lower()] > 1 and name.lower() in used]
    if twice:
        raise MappingError(
            "TAJO-604",
            f"{audience.statement.origin} returns {', '.join(twice)}: the field mapping of "
            f"{audience.name} cannot tell which of them it means",
            "Rename all but one of them with AS.",
        )


def _with_hints(missing: list[str], columns: Mapping[str, int]) -> str:
    hints = []
    for name in missing:
        near = difflib.get_close_matches(name, columns, n=1)
        hints.append(f"`{name}`" + (f" (did you mean `{near[0]}`?)" if near else ""))
    return ", ".join(hints)
