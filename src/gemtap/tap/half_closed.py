"""Whether a client that has closed its sending side still waits for its answer.

TCP itself cannot tell a client that is done sending from one that is gone: both send the same FIN. Where the client
runs on this machine, Linux knows: the socket of one that is gone belongs to no process any more.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Final

_TABLES: Final = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}

_LOCAL, _REMOTE, _INODE = 1, 2, 9
"""Columns of the tables, see `man 5 proc`."""


def still_reads(connection: socket.socket) -> bool:
    """Whether the other end of a TCP connection is on this machine and open. False where that cannot be told."""
    table = _TABLES.get(connection.family)
    if table is None:
        return False
    try:
        peer, here = _as_in_table(connection.getpeername()), _as_in_table(connection.getsockname())
        with table.open(encoding="ascii") as lines:
            for line in lines:
                if peer in line and here in line:
                    columns = line.split()
                    if (columns[_LOCAL], columns[_REMOTE]) == (peer, here):
                        return columns[_INODE] != "0"
    except OSError:
        pass
    return False


def _as_in_table(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """An address as the kernel writes it: words of 32 bits in this machine's byte order, in hexadecimal."""
    host, port = address[0].partition("%")[0], address[1]
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"
