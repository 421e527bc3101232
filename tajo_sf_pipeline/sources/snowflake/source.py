"""Snowflake as a source: which transport carries which question."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

from tajo_sf_pipeline.audience.statement import Table
from tajo_sf_pipeline.config.settings import Password, Snowflake
from tajo_sf_pipeline.sources.base import Altered, ChangeTokens, Cost, Extract, Question
from tajo_sf_pipeline.sources.snowflake import cost, table_changes
from tajo_sf_pipeline.sources.snowflake.credentials import credentials_of
from tajo_sf_pipeline.sources.snowflake.driver import Connect, Driver, connecting
from tajo_sf_pipeline.sources.snowflake.sql_api import SqlApi
from tajo_sf_pipeline.sources.snowflake.transport import Transport


class SnowflakeSource:
    """A workspace's Snowflake; see `Source` for what it promises.

    Relative key paths are beside tajo.yaml, in `folder`. Where `connect` is given, the driver
    takes its connections from there, and the workspace's own credentials are not read.
    """

    def __init__(self, snowflake: Snowflake, folder: Path, connect: Connect | None = None) -> None:
        self._snowflake = snowflake
        self._folder = folder
        self._connect = connect

    def extract(self, question: Question) -> AbstractContextManager[Extract]:
        return self.transport.extract(question)

    def cost(self, query_id: str, tag: str) -> Cost | str:
        return cost.cost_of(self.transport, query_id, tag)

    def change_tokens(self, tables: Iterable[Table]) -> ChangeTokens:
        return table_changes.change_tokens(self.small_transport, tables)

    def altered(self, tables: Iterable[Table]) -> dict[Table, Altered]:
        return table_changes.altered(self.small_transport, tables)

    @cached_property
    def transport(self) -> Transport:
        """The transport that the workspace asks for."""
        if self._snowflake.transport == "sql_api" and not self._connect:
            return self._sql_api
        return self._driver

    @cached_property
    def small_transport(self) -> Transport:
        """The transport for a small question from a process that lives long.

        The driver signs in anew for each question and costs its process 80 MB for ever, so it is
        taken only where the SQL API cannot sign in: with a password, or with a connection of
        somebody else's.
        """
        if self._connect or isinstance(self._snowflake.auth, Password):
            return self._driver
        return self._sql_api

    @cached_property
    def _driver(self) -> Driver:
        connect = self._connect or connecting(
            self._snowflake, credentials_of(self._snowflake, self._folder)
        )
        return Driver(self._snowflake, connect)

    @cached_property
    def _sql_api(self) -> SqlApi:
        return SqlApi(self._snowflake, credentials_of(self._snowflake, self._folder))
