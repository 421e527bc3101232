"""What every local server needs as a process: arguments, one port on 127.0.0.1, an orderly end."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tajo_sf_pipeline.sandbox.doors import Doors
from tajo_sf_pipeline.sandbox.ports import HOST, PortTakenError, listen

__all__ = [
    "EXIT_CANNOT_START",
    "HOST",
    "PortTakenError",
    "argument_parser",
    "listen",
    "run",
]

EXIT_CANNOT_START = 2


def argument_parser(program: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of what every server takes."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--home", type=Path, required=True, help="folder that keeps its data")
    parser.add_argument("--port", type=int, required=True, help=f"port on {HOST}")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end with the process at the other end of standard input",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer to this name too; otherwise to localhost, 127.0.0.1 and [::1] only",
    )
    return parser


def run(
    app: ASGIApp,
    listener: socket.socket,
    *,
    until_stdin_closes: bool,
    allowed_hosts: Iterable[str] = (),
) -> None:
    """Serve until SIGTERM, Ctrl-C or the end of standard input; the process then exits with 0."""
    # uvicorn raises a signal that it caught once more after its own shutdown.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server = uvicorn.Server(
        uvicorn.Config(
            Doors(app, allowed_hosts),
            log_level="warning",
            timeout_graceful_shutdown=3,
            lifespan="off",
        )
    )
    asyncio.run(_serve(server, listener, until_stdin_closes=until_stdin_closes))


async def _serve(
    server: uvicorn.Server, listener: socket.socket, *, until_stdin_closes: bool
) -> None:
    def read_stdin() -> None:
        if not os.read(0, 1024):
            server.should_exit = True

    if until_stdin_closes:
        asyncio.get_running_loop().add_reader(0, read_stdin)
    await server.serve(sockets=[listener])
