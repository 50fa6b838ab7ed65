"""Whether a client that has closed its sending side still waits for its answer.

TCP itself cannot tell a client that is done sending from one that is gone: both send the same FIN. Where the client
runs on this machine, Linux knows: the socket of one that is gone belongs to no process any more. It is asked for this
one socket (`man 7 sock_diag`): reading the table of all in `/proc/net/tcp` takes milliseconds, in which streams wait.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any, Final

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_NLM_F_REQUEST: Final = 1

_HEADER: Final = struct.Struct("=IHHII")
"""`struct nlmsghdr`: length, type, flags, sequence number, process."""

_REQUEST: Final = struct.Struct("=BBBxI")
"""`struct inet_diag_req_v2`, up to the socket: family, protocol, extensions, states."""

_SOCKET: Final = struct.Struct("!HH16s16s12s")
"""`struct inet_diag_sockid`: both ports, both addresses, then interface and cookie."""

_ANY: Final = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
"""No interface, and no cookie."""

_INODE_AT: Final = _HEADER.size + 68
"""Where `struct inet_diag_msg` has the inode, of four bytes."""


def still_reads(connection: socket.socket) -> bool:
    """Whether the other end of a TCP connection is on this machine and open. False where that cannot be told."""
    if sys.platform != "linux" or connection.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        answer = _ask_for_peer(connection)
    except OSError:
        return False
    kind = _HEADER.unpack_from(answer)[1]
    return kind == _SOCK_DIAG_BY_FAMILY and answer[_INODE_AT:][:4] != bytes(4)


def _ask_for_peer(connection: socket.socket) -> bytes:
    """What the kernel says of the other end's socket: an `inet_diag_msg`, or an error where there is none."""
    peer, here = connection.getpeername(), connection.getsockname()
    body = _REQUEST.pack(connection.family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    body += _SOCKET.pack(peer[1], here[1], _packed(peer), _packed(here), _ANY)
    header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.send(header + body)
        # The answer is there by now. It never waits.
        netlink.setblocking(False)
        return netlink.recv(4096)


def _packed(address: tuple[Any, ...]) -> bytes:
    host: str = address[0].partition("%")[0]
    return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host).ljust(16, b"\0")
