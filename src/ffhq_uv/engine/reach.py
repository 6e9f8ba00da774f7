"""Whether anybody is at an address: the clients of Dask and Ray wait for minutes for one that listens and is silent."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

SILENT = 10.0
"""Seconds in which a server has to speak."""


def check_speaks(address: str, who: str) -> None:
    """Raise ConnectionError unless a server at ``host:port`` (a scheme may go before) says something within `SILENT`.

    A Dask scheduler begins with its handshake, Ray's gRPC with its settings. One behind TLS speaks second, and is only
    connected to.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.port is None:
        raise ConnectionError(f"{address}: has no port; expected host:port of {who}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port), timeout=SILENT) as connected:
            connected.settimeout(SILENT)
            if parts.scheme in ("tcp", "ray") and not connected.recv(1):
                raise ConnectionError(f"{address}: whoever listens there is not {who}")
    except TimeoutError:
        raise ConnectionError(f"{address}: {who} does not answer within {SILENT:.0f} s") from None
    except OSError as error:
        if error.strerror is None:
            raise
        raise ConnectionError(f"{address}: no {who} there: {error.strerror}") from None
