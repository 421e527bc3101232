"""Harmless reads that prove a workspace's Snowflake side, one finding at a time."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.audience.window import Window
from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.errors import ConfigurationError, PermissionDeniedError, TajoError
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource
from tajo_sf_pipeline.sources.snowflake.transport import Transport, rows_of
from tajo_sf_pipeline.telemetry.finding import Finding

_TAG = json.dumps({"app": "tajo", "step": "test"})
_SESSION = Statement(
    'SELECT CURRENT_USER() AS "user", CURRENT_ROLE() AS "role", '
    'CURRENT_WAREHOUSE() AS "warehouse", CURRENT_DATABASE() AS "database", '
    'CURRENT_SCHEMA() AS "schema"',
    "the connection test",
)


def findings(
    snowflake: Snowflake, folder: Path, audiences: Iterable[Audience]
) -> Iterator[Finding]:
    """Sign in, look at the session, and compile every audience's SQL without reading a row.

    A sign-in that fails is the only finding: the others would say the same.
    """
    try:
        transport = SnowflakeSource(snowflake, folder).transport
        session = _session(transport)
    except TajoError as error:
        yield Finding("sign-in", error=error)
        return
    yield Finding("sign-in", f"as {session['user']}, by {snowflake.auth.method}")
    yield _same("role", snowflake.role, session["role"], "Grant the role to the user.")
    yield _same(
        "warehouse", snowflake.warehouse, session["warehouse"], "Grant USAGE on the warehouse."
    )
    yield _same("database", snowflake.database, session["database"], "Grant USAGE on it.")
    yield _same("schema", snowflake.schema_, session["schema"], "Grant USAGE on it.")
    for audience in audiences:
        yield _compiled(transport, audience)


def sign_in(snowflake: Snowflake, folder: Path) -> str:
    """Sign in and return the user; raise what `Source` raises."""
    return str(_session(SnowflakeSource(snowflake, folder).transport)["user"])


def _session(transport: Transport) -> dict[str, Any]:
    [session] = rows_of(transport, _SESSION, _TAG)
    return session


def _same(what: str, wanted: str | None, current: str | None, fix: str) -> Finding:
    if current is not None and (wanted is None or wanted.upper() == current.upper()):
        return Finding(what, current)
    message = f"the session's {what} is {current or 'none'}; {wanted or 'one'} was asked for"
    return Finding(what, error=PermissionDeniedError("TAJO-304", message, fix))


def _compiled(transport: Transport, audience: Audience) -> Finding:
    """Let Snowflake compile the query with ``LIMIT 0``; the mapping's columns must be there."""
    what = f"audience {audience.name}"
    binds = Window(date(2000, 1, 1), "UTC").binds("backfill", None)
    try:
        with transport.extract(Question(audience.statement.limited(0), binds, _TAG)) as extract:
            names = {name.lower() for name in extract.schema.names}
            list(extract.batches)
    except TajoError as error:
        return Finding(what, error=error)
    missing = [name for name in audience.fields if name not in names and not audience.optional]
    if missing:
        message = f"{audience.statement.origin} does not return {', '.join(missing)}"
        fix = "Select it, or take it out of the mapping."
        return Finding(what, error=ConfigurationError("TAJO-601", message, fix))
    return Finding(what, f"compiles, {len(extract.schema)} columns")
