"""One port of this machine, for one server."""

import socket

HOST = "127.0.0.1"


class PortTakenError(Exception):
    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(
            f"Port {port} is taken: stop the program that uses it or choose another --port."
        )


def listen(port: int) -> socket.socket:
    """Hold the port; 0 lets the system choose a free one."""
    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise PortTakenError(port) from error
    # asyncio does this for sockets that it opens itself; without it small answers wait 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
