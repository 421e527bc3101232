"""The choice between the two transports."""

from pathlib import Path

from tajo_sf_pipeline.settings import Password, Snowflake
from tajo_sf_pipeline.snowflake.credentials import credentials_of
from tajo_sf_pipeline.snowflake.driver import Driver
from tajo_sf_pipeline.snowflake.sql_api import SqlApi
from tajo_sf_pipeline.snowflake.warehouse import Warehouse


def warehouse(snowflake: Snowflake, folder: Path) -> Warehouse:
    """Give the transport that the workspace asks for; credentials are read now, not used yet.

    Relative key paths are beside tajo.yaml, in `folder`.
    """
    credentials = credentials_of(snowflake, folder)
    if snowflake.transport == "sql_api":
        return SqlApi(snowflake, credentials)
    return Driver(snowflake, credentials)


def question(snowflake: Snowflake, folder: Path) -> Warehouse:
    """Give a transport for a small question from a process that lives long.

    The driver costs its process 4 to 6 s and 270 MB for ever, so it is taken only where the SQL
    API cannot sign in: with a password.
    """
    credentials = credentials_of(snowflake, folder)
    if isinstance(snowflake.auth, Password):
        return Driver(snowflake, credentials)
    return SqlApi(snowflake, credentials)
