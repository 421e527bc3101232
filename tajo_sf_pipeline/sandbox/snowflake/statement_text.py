"""The text of a request, cut into the statements that it holds."""

from dataclasses import dataclass

import sqlglot
from sqlglot import Token, TokenError, TokenType

from tajo_sf_pipeline.sandbox.snowflake.outcomes import Failure, StatementError

# docs.snowflake.com/en/developer-guide/sql-api/intro, "Limitations of the SQL API".
NEVER = {"PUT", "GET"}
ONLY_AMONG_OTHERS = {"BEGIN", "START", "COMMIT", "ROLLBACK", "USE", "SET", "UNSET", "ALTER SESSION"}


@dataclass(frozen=True, slots=True)
class StatementText:
    sql: str
    command: str
    line: int
    position: int


def requested_statements(text: str, *, count: int, bound: bool) -> list[StatementText]:
    """Cut a request's text; a StatementError if it does not hold as many statements as it says."""
    try:
        statements = _split(text)
    except TokenError as error:
        message = f"SQL compilation error:\n{error}"
        raise StatementError(Failure("001003", "42000", message)) from error
    if not statements:
        raise StatementError(Failure("000900", "42601", "Empty SQL statement."))
    if count not in {0, len(statements)}:
        actual = f"Actual statement count {len(statements)}"
        message = f"{actual} did not match the desired statement count {count}."
        raise StatementError(Failure("000008", "0A000", message))
    if bound and count != 1:
        message = "Bind variables are not supported in a request of several statements."
        raise StatementError(Failure("009999", "99999", message))
    for statement in statements:
        if statement.command in NEVER | (ONLY_AMONG_OTHERS if count == 1 else set()):
            message = f"Unsupported statement type '{statement.command}'."
            raise StatementError(Failure("391911", "0A000", message))
    return statements


def _split(text: str) -> list[StatementText]:
    """Cut at each `;` that is not part of a text or a comment."""
    statements: list[StatementText] = []
    tokens: list[Token] = []
    for token in sqlglot.tokenize(text, read="snowflake"):
        if token.token_type is TokenType.SEMICOLON:
            statements += _statement(text, tokens)
            tokens = []
        else:
            tokens.append(token)
    return statements + _statement(text, tokens)


def _statement(text: str, tokens: list[Token]) -> list[StatementText]:
    if not tokens:
        return []
    start, end = tokens[0].start, tokens[-1].end + 1
    first, *second = [token.text.upper() for token in tokens[:2]]
    command = f"{first} {second[0]}" if first == "ALTER" and second else first
    position = start - (text.rfind("\n", 0, start) + 1)
    return [StatementText(text[start:end], command, text.count("\n", 0, start) + 1, position)]
