"""Connections of a `SnowflakeResource` that the embedding project has already."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.sources.selection import OpenSource
from tajo_sf_pipeline.sources.snowflake.driver import Connect
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource

if TYPE_CHECKING:
    from dagster_snowflake import SnowflakeResource


def source_through(resource: "SnowflakeResource") -> OpenSource:
    """Return what opens the workspace's Snowflake through the resource's own connections."""

    def open_source(settings: Settings) -> SnowflakeSource:
        return SnowflakeSource(settings.snowflake, settings.path.parent, connecting(resource))

    return open_source


def connecting(resource: "SnowflakeResource") -> Connect:
    """Return what connects as the resource says, with the arguments that our reading needs.

    Values that the resource takes from the environment (`dg.EnvVar`) are read anew for each
    connection. Its own session parameters stay, but for those that we set.
    """

    @contextmanager
    def connect(arguments: Mapping[str, Any]) -> Iterator[Any]:
        with _adapted(resource, arguments).get_connection() as connection:
            try:
                yield connection
            except BaseException:
                connection.close()  # get_connection() closes only after a good end
                raise

    return connect


def _adapted(resource: "SnowflakeResource", arguments: Mapping[str, Any]) -> "SnowflakeResource":
    own = resource.additional_snowflake_connection_args or {}
    set_by_us = arguments["session_parameters"]
    # Snowflake knows them in any case of letters.
    kept = {
        name: value
        for name, value in (own.get("session_parameters") or {}).items()
        if name.upper() not in set_by_us
    }
    changes = {
        # What is read in Arrow batches is the driver's own connection.
        "connector": None,
        "additional_snowflake_connection_args": {
            **own,
            **arguments,
            "session_parameters": {**kept, **set_by_us},
        },
    }
    try:
        copy: SnowflakeResource = resource.model_copy(update=changes)
        return copy.process_config_and_initialize()  # type: ignore[no-any-return]
    except Exception as error:  # whatever the project's own class raises
        raise ConfigurationError(
            "TAJO-135",
            f"the project's {type(resource).__name__} gives no connection: {error}",
            "Correct the resource that is handed to `build`: the variables that it names, its key, "
            "and that Dagster can make it of its fields alone.",
        ) from error
