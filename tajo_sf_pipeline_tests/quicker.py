"""What libraries set up anew for every call, and a process of many tests sets up once."""

import functools
from typing import Any

import httpx
import sqlalchemy
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from httpx._transports import default as httpx_transport

_DAGSTERS: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)


def quicken() -> None:
    """Set up once; what is stored and sent is not changed, nor are processes that tests start."""
    # A client reads the machine's certificates: 30 ms, also for an address without TLS.
    transport: Any = httpx_transport
    transport.create_ssl_context = functools.cache(httpx.create_ssl_context)
    # A run stores some 60 events in 370 connections, each with an engine that first looks at the
    # database: a quarter of the whole run. Connections stay unshared.
    for module in _DAGSTERS:
        module.create_engine = _create_engine


def _create_engine(url: str, **options: Any) -> sqlalchemy.Engine:
    timeout = options.pop("connect_args", {}).get("timeout")
    return _engine(url, tuple(sorted(options.items())), timeout)


@functools.cache
def _engine(
    url: str, options: tuple[tuple[str, Any], ...], timeout: float | None
) -> sqlalchemy.Engine:
    arguments = {} if timeout is None else {"connect_args": {"timeout": timeout}}
    return sqlalchemy.create_engine(url, **dict(options), **arguments)
