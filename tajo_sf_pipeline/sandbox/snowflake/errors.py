"""DuckDB's complaints in Snowflake's words, codes and SQL states."""

import re
from dataclasses import dataclass

from snowflake.connector.errors import Error, ProgrammingError


@dataclass(frozen=True, slots=True)
class Translation:
    duckdb: re.Pattern[str]
    errno: int
    sqlstate: str
    message: str


# Codes and states: docs.snowflake.com/en/developer-guide/sql-api/reference and
# handling-errors of docs.snowflake.com/en/user-guide.
TRANSLATIONS = (
    Translation(
        re.compile(r'because schema "(?P<name>[^"]+)" does not exist'),
        2003,
        "02000",
        "Schema '{name}' does not exist or not authorized.",
    ),
    Translation(
        re.compile(r'(?:Table|View|Sequence) with name "?(?P<name>[^" ]+)"? does not exist'),
        2003,
        "42S02",
        "Object '{name}' does not exist or not authorized.",
    ),
    Translation(
        re.compile(r'No catalog \+ schema named "(?P<name>[^"]+?)(?:\.main)?" found'),
        2043,
        "02000",
        "Object does not exist, or operation cannot be performed: '{name}'.",
    ),
    Translation(
        re.compile(r'Permission Error: Cannot access (?:file|directory) "(?P<name>[^"]+)"'),
        2003,
        "02000",
        "Object '{name}' does not exist or not authorized.",
    ),
    Translation(
        re.compile(r"Function with name (?P<name>\S+) does not exist"),
        2139,
        "42601",
        "Unknown function {name}",
    ),
    Translation(
        re.compile(r"Values were not provided for the following parameters: (?P<name>\d+)"),
        2049,
        "42601",
        "Bind variable ? not set: {name}.",
    ),
    Translation(
        re.compile(r'(?:Referenced column|have a column named) "(?P<name>[^"]+)"'),
        904,
        "42000",
        "invalid identifier '{name}'",
    ),
)


def as_snowflake_error(error: Exception) -> Error:
    """Make the error that Snowflake would raise, or say what happened where it has none."""
    text = str(error)
    for translation in TRANSLATIONS:
        if found := translation.duckdb.search(text):
            message = translation.message.format(name=found["name"].upper())
            return ProgrammingError(
                msg=f"SQL compilation error:\n{message}",
                errno=translation.errno,
                sqlstate=translation.sqlstate,
            )
    if isinstance(error, ProgrammingError):
        return error
    return ProgrammingError(
        msg=f"The local Snowflake cannot run this statement: {text}", errno=9999, sqlstate="99999"
    )
