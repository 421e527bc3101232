"""The tables that audiences read, as assets that can be observed and not made."""

import hashlib
import json
import re
import warnings
from collections.abc import Iterable
from typing import Any

import dagster as dg

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Table
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.dagster_private import DATA_VERSION_TAG
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.sources.base import Altered
from tajo_sf_pipeline.sources.selection import OpenSource, source_of


def source_tables(
    settings: Settings, audiences: Iterable[Audience], open_source: OpenSource = source_of
) -> list[dg.AssetsDefinition]:
    """Return an asset for every table that the audiences read.

    An automation condition takes note of observations only where the asset is observable: of a
    plain `AssetSpec` it sees materializations, and nobody here makes a table.
    """
    tables = {table for audience in audiences for table in tables_of(settings, audience)}
    return [_observable(settings, table, open_source) for table in sorted(tables)]


def tables_of(settings: Settings, audience: Audience) -> tuple[Table, ...]:
    return audience.sources(settings.snowflake.database, settings.snowflake.schema_)


def table_key(table: Table) -> dg.AssetKey:
    return dg.AssetKey(["snowflake", *table])


def observation(table: Table, token: str, altered: Altered) -> dg.AssetObservation:
    """Return what is seen of a table; its token is the data version.

    By the version's change a condition of any asset below knows that the table moved, however many
    audiences watch it and say so.
    """
    return dg.AssetObservation(
        table_key(table), metadata=_metadata(token, altered), tags={DATA_VERSION_TAG: token}
    )


def _observable(settings: Settings, table: Table, open_source: OpenSource) -> dg.AssetsDefinition:
    name = ".".join(table)
    spec = dg.AssetSpec(
        table_key(table),
        group_name="snowflake",
        kinds={"snowflake"},
        description=f"The table {name} in Snowflake.",
        metadata={"dagster/table_name": name},
    )

    def observe() -> dg.ObserveResult:
        try:
            source = open_source(settings)
            answer = source.change_tokens([table])
            if table not in answer.known:
                return dg.ObserveResult(metadata={"unknown": answer.unknown[table]})
            token, altered = answer.known[table], source.altered([table])[table]
        except TajoError as error:
            raise dg.Failure(str(error), dict(error.as_json())) from error
        return dg.ObserveResult(
            metadata=_metadata(token, altered), data_version=dg.DataVersion(token)
        )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # in Dagster 1.13 as since 1.5
        asset: dg.AssetsDefinition = dg.multi_observable_source_asset(
            specs=[spec], name=_op_name(table)
        )(observe)
    return asset


def _op_name(table: Table) -> str:
    """Return a name that Dagster takes, and no other table has: `"a-b"` and `a_b` are two."""
    digest = hashlib.sha256(json.dumps(table).encode()).hexdigest()[:6]
    return re.sub(r"[^A-Za-z0-9_]", "_", f"{'__'.join(table)}_{digest}")


def _metadata(token: str, altered: Altered) -> dict[str, Any]:
    metadata: dict[str, Any] = {"change_token": token}
    if altered.at is not None:
        metadata["dagster/last_updated_timestamp"] = dg.MetadataValue.timestamp(altered.at)
    if altered.below:
        metadata["tables_below"] = ", ".join(".".join(below) for below in altered.below)
    if altered.unknown:
        metadata["unknown"] = altered.unknown
    return metadata
