"""A small expression over the columns of a row, in DuckDB's SQL: checked here, run by the mapping.

What may stand in one is a list: no query, no table, no clock and no chance, so that the same row
always gives the same value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_DIALECT = "duckdb"
_VALUES = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Var,
    exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam, exp.Interval,
)  # fmt: skip
_OPERATORS = (
    exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe,
    exp.Not, exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is,
    exp.In, exp.Between, exp.Like, exp.ILike, exp.Case, exp.If,
)  # fmt: skip
_FUNCTIONS = (
    exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least,
    exp.Concat, exp.ConcatWs, exp.Upper, exp.Lower, exp.Trim, exp.Length, exp.Substring,
    exp.Left, exp.Right, exp.Replace, exp.SplitPart, exp.StrPosition, exp.StartsWith,
    exp.EndsWith, exp.Contains, exp.RegexpReplace, exp.RegexpExtract, exp.RegexpLike,
    exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Sign,
    exp.Extract, exp.Year, exp.Quarter, exp.Month, exp.Day, exp.DayOfWeek, exp.DayOfYear,
    exp.Hour, exp.Minute, exp.Second, exp.DateTrunc, exp.TimestampTrunc, exp.DateDiff,
    exp.DateAdd, exp.TsOrDsAdd, exp.StrToTime, exp.TimeToStr, exp.MD5, exp.SHA2,
)  # fmt: skip
_ALLOWED = frozenset((*_VALUES, *_OPERATORS, *_FUNCTIONS))
_PATH = re.compile(r"(?P<column>[^.\[\]]+)(?P<inside>(\.[^.\[\]]+|\[\d+\])+)")
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<place>\d+)\]")


@dataclass(frozen=True, slots=True)
class Expression:
    """Checked SQL, and the columns, lower-cased, that it reads."""

    sql: str
    columns: frozenset[str]


def parsed(text: str) -> Expression:
    """Check an expression; raise `ValueError` that says what in it is not allowed.

    ``contact.email`` reads inside a VARIANT column, as a text.
    """
    try:
        trees = sqlglot.parse(text, dialect=_DIALECT)
    except SqlglotError as error:
        raise ValueError(f"{text!r} is not an expression: {_first_line(error)}") from None
    [tree, *more] = trees or [None]
    if tree is None or more:
        raise ValueError(f"{text!r} is not one expression")
    for node in tree.walk():
        if type(node) not in _ALLOWED:
            raise ValueError(f"{_name(node)} may not stand in an expression")
    columns = frozenset(column.parts[0].name.lower() for column in tree.find_all(exp.Column))
    return Expression(tree.transform(_reading).sql(dialect=_DIALECT, identify=True), columns)


def path(source: str) -> Expression | None:
    """Read ``column.name.other[0]`` inside a VARIANT or OBJECT column; None if it is no path."""
    match = _PATH.fullmatch(source)
    if not match:
        return None
    column = match["column"].lower()
    return Expression(_read(column, match["inside"]).sql(dialect=_DIALECT), frozenset({column}))


def _reading(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Column) or len(node.parts) == 1:
        return node
    column, *names = (part.name for part in node.parts)
    return _read(column, "".join(f".{name}" for name in names))


def _read(column: str, inside: str) -> exp.Anonymous:
    steps = exp.Literal.string("$" + "".join(_steps(inside)))
    variant = exp.column(exp.to_identifier(column, quoted=True))
    return exp.Anonymous(this="json_extract_string", expressions=[variant, steps])


def _steps(inside: str) -> Iterator[str]:
    for step in _STEP.finditer(inside):
        yield f"[{step['place']}]" if step["place"] else f'."{step["name"]}"'


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        return f"the function {name.lower()}"
    return f"`{node.sql(dialect=_DIALECT)}`"


def _first_line(error: SqlglotError) -> str:
    return str(error).splitlines()[0]
