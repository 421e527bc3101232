"""The choice between the two transports."""

from pathlib import Path

from tajo_sf_pipeline.config.settings import Password, Snowflake
from tajo_sf_pipeline.sources.base import Warehouse
from tajo_sf_pipeline.sources.snowflake.credentials import credentials_of
from tajo_sf_pipeline.sources.snowflake.driver import Connect, Driver, connecting
from tajo_sf_pipeline.sources.snowflake.sql_api import SqlApi


def warehouse(snowflake: Snowflake, folder: Path, connect: Connect | None = None) -> Warehouse:
    """Return the transport that the workspace asks for; credentials are read now, not used yet.

    Relative key paths are beside tajo.yaml, in `folder`. Where `connect` is given, the driver
    takes its connections from there, and the workspace's own credentials are not read.
    """
    if connect:
        return Driver(snowflake, connect)
    credentials = credentials_of(snowflake, folder)
    if snowflake.transport == "sql_api":
        return SqlApi(snowflake, credentials)
    return Driver(snowflake, connecting(snowflake, credentials))


def question(snowflake: Snowflake, folder: Path, connect: Connect | None = None) -> Warehouse:
    """Return a transport for a small question from a process that lives long.

    The driver signs in anew for each question and costs its process 80 MB for ever, so it is taken
    only where the SQL API cannot sign in: with a password, or with a connection of somebody else's.
    """
    if connect or isinstance(snowflake.auth, Password):
        return warehouse(snowflake.model_copy(update={"transport": "connector"}), folder, connect)
    return SqlApi(snowflake, credentials_of(snowflake, folder))
