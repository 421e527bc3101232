"""The files of this machine: what DuckDB would read of them, and Snowflake has no word for.

DuckDB itself is kept to its own folders. What is refused here by its name is refused as Snowflake
refuses what it does not know.
"""

import re
from pathlib import Path

import duckdb
import sqlglot
from fakesnow.transforms.stage import LOCAL_BUCKET_PATH
from snowflake.connector.errors import ProgrammingError
from sqlglot import TokenError, TokenType

_READERS = re.compile(r"READ_\w+|\w+_SCAN|SNIFF_CSV|QUERY|QUERY_TABLE|PARQUET_\w+|DUCKDB_\w+")
_BEFORE_SOURCES = {"FROM", "JOIN", "CALL", ",", "("}  # elsewhere it is a name as good as any
_STATEMENTS = {
    *("ATTACH", "CHECKPOINT", "DETACH", "EXPORT", "FORCE", "IMPORT", "INSTALL", "LOAD"),
    *("PRAGMA", "SUMMARIZE", "VACUUM"),
}


def keep_inside(database: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Let the database reach this folder and the stages, and nothing else; for good."""
    database.execute("SET allowed_directories = ?", [[str(folder), LOCAL_BUCKET_PATH]])
    database.execute("SET enable_external_access = false")


def refuse_files(command: str) -> None:
    """Raise Snowflake's `ProgrammingError` for a statement of DuckDB's about files."""
    try:
        words = _words(command)
    except TokenError:
        return  # said better by whoever parses it
    copies = len(words) > 1 and words[0] == "COPY" and words[1] != "INTO"
    if words and (words[0] in _STATEMENTS or copies):
        word = words[1] if copies else words[0]
        raise _refused(1003, "42000", f"syntax error line 1 at position 0 unexpected '{word}'.")
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        if after == "(" and before in _BEFORE_SOURCES and _READERS.fullmatch(word):
            raise _refused(2139, "42601", f"Unknown function {word}")


def _words(command: str) -> list[str]:
    """Return the words in upper case; those after an EXPLAIN or CALL are one token at first."""
    tokens = sqlglot.tokenize(command, read="snowflake")
    if tokens and tokens[0].token_type is TokenType.COMMAND:
        return [tokens[0].text.upper(), *_words(command[tokens[0].end + 1 :])]
    return [token.text.upper() for token in tokens]


def _refused(errno: int, sqlstate: str, message: str) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL compilation error:\n{message}", errno=errno, sqlstate=sqlstate
    )
