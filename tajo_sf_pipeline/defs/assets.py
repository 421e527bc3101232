"""An audience's chain: extract -> mapped -> sync, with the tables that its SQL reads upstream."""

from collections.abc import Iterator

import dagster as dg

from tajo_sf_pipeline.checks import inspection
from tajo_sf_pipeline.defs import checks, metadata
from tajo_sf_pipeline.defs.failures import step
from tajo_sf_pipeline.defs.freshness import policy
from tajo_sf_pipeline.defs.one_run import OneRun
from tajo_sf_pipeline.defs.partitions import PartitionOf, sync_dates
from tajo_sf_pipeline.defs.source_tables import table_key, tables_of
from tajo_sf_pipeline.errors import MappingError


def audience_assets(partition_of: PartitionOf) -> list[dg.AssetsDefinition]:
    """Make the three assets of an audience."""
    settings, audience = partition_of.settings, partition_of.audience
    name, snowflake = audience.name, settings.snowflake
    partitions = sync_dates(settings)
    owners = list(audience.owners)

    @dg.asset(
        key=[name, "extract"],
        deps=[table_key(table) for table in tables_of(settings, audience)],
        partitions_def=partitions,
        group_name=name,
        kinds={"snowflake"},
        owners=owners,
        description=f"What the warehouse returns. {audience.description}.",
        metadata=metadata.of_statement(audience.statement),
    )
    @step(partition_of)
    def extract(context: dg.AssetExecutionContext, one_run: OneRun) -> dg.MaterializeResult[None]:
        partition = one_run.hold(partition_of(context))
        extracted = partition.extract()
        if snowflake.debug or snowflake.log_level == "verbose":
            context.log.info(metadata.as_text(extracted))
        if snowflake.debug or snowflake.log_queries:
            context.log.info("statement %s:\n%s", extracted.query_id, audience.statement.text)
        return dg.MaterializeResult(metadata=metadata.of_extract(extracted, partition))

    @dg.asset(
        key=[name, "mapped"],
        deps=[extract],
        partitions_def=partitions,
        group_name=name,
        kinds={"arrow"},
        owners=owners,
        description=f"As Brevo would take them, without the rejects. {audience.description}.",
        metadata=metadata.of_mapping(audience),
        check_specs=[checks.covered_spec(partition_of)],
    )
    @step(partition_of)
    def mapped(
        context: dg.AssetExecutionContext, one_run: OneRun
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        partition = one_run.hold(partition_of(context))
        try:
            result = partition.map()
        except MappingError as error:
            yield checks.not_covered(error)
            raise
        if result.unmapped:
            context.log.warning("not mapped, so not sent: %s", ", ".join(result.unmapped))
        yield dg.MaterializeResult(
            metadata=metadata.of_mapped(result, partition),
            check_results=[checks.covered(result)],
        )

    @dg.asset(
        key=[name, "sync"],
        deps=[mapped],
        partitions_def=partitions,
        group_name=name,
        kinds={"brevo"},
        owners=owners,
        description=f"What Brevo has accepted. {audience.description}.",
        # One writer for an audience, whichever run it belongs to.
        pool=f"audience_{name}",
        freshness_policy=policy(settings, audience),
    )
    @step(partition_of)
    def sync(context: dg.AssetExecutionContext, one_run: OneRun) -> dg.MaterializeResult[None]:
        partition = one_run.hold(partition_of(context))
        checks.stop_unless_judged(context, partition)
        summary = partition.sync()
        inspection.remember(partition)
        delivered = inspection.delivered(partition, summary)
        return dg.MaterializeResult(metadata=metadata.of_sync(summary, delivered, partition))

    return [extract, mapped, sync]
