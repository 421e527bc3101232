"""Column lineage as Dagster shows it: table -> extract -> mapped -> Brevo's attribute."""

from collections.abc import Iterable, Mapping

import dagster as dg

from tajo_sf_pipeline.audience.lineage import Origin

_Deps = Mapping[str, Iterable[tuple[dg.AssetKey, str]]]


def of_extract(origins: Mapping[str, Iterable[Origin]]) -> dg.TableColumnLineage:
    """Lead the result's columns to those of the tables, which are external assets."""
    return _lineage(
        {
            column: [(dg.AssetKey(["snowflake", *origin.table]), origin.column) for origin in those]
            for column, those in origins.items()
        }
    )


def of_mapped(audience: str, sources: Mapping[str, Iterable[str]]) -> dg.TableColumnLineage:
    """Lead each mapped column to the extract's columns that it is made of."""
    extract = dg.AssetKey([audience, "extract"])
    return _lineage({to: [(extract, column) for column in those] for to, those in sources.items()})


def of_sync(audience: str, targets: Mapping[str, str]) -> dg.TableColumnLineage:
    """Lead what Brevo knows a value by, its attribute or identifier, to the mapped column."""
    mapped = dg.AssetKey([audience, "mapped"])
    return _lineage({target: [(mapped, column)] for target, column in targets.items()})


def _lineage(deps: _Deps) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=key, column_name=name) for key, name in those]
            for column, those in deps.items()
        }
    )
