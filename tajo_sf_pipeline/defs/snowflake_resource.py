"""Connections of a `SnowflakeResource` that the embedding project has already."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tajo_sf_pipeline.sources.snowflake.driver import Connect

if TYPE_CHECKING:
    from dagster_snowflake import SnowflakeResource


def connecting(resource: "SnowflakeResource") -> Connect:
    """Return what connects as the resource says, with the arguments that our reading needs.

    Values that the resource takes from the environment (`dg.EnvVar`) are read anew for each
    connection. Its own session parameters stay, but for those that we set.
    """

    @contextmanager
    def connect(arguments: Mapping[str, Any]) -> Iterator[Any]:
        own = resource.additional_snowflake_connection_args or {}
        parameters = {**own.get("session_parameters", {}), **arguments["session_parameters"]}
        changes = {
            # What is read in Arrow batches is the driver's own connection.
            "connector": None,
            "additional_snowflake_connection_args": {
                **own,
                **arguments,
                "session_parameters": parameters,
            },
        }
        values = {
            field.alias or name: getattr(resource, name)
            for name, field in type(resource).model_fields.items()
        }
        adapted = type(resource)(**{**values, **changes}).process_config_and_initialize()
        with adapted.get_connection() as connection:
            try:
                yield connection
            except BaseException:
                connection.close()  # get_connection() closes only after a good end
                raise

    return connect
