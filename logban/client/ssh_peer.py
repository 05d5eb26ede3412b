# SPDX-License-Identifier: MIT
"""From where the admin is connected by SSH: whom ``allow add --me`` exempts.

sshd names both ends of its connection to the shell that it starts, in SSH_CONNECTION.  sudo drops
that, so it is looked for in the environments of the processes above this one as well, the nearest
first.  What stands there may be of yesterday, in tmux and screen for instance, so it is believed
only while the kernel has just that connection.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from logban.addresses import CanonicalAddress, canonical_address
from logban.errors import UsageError

_ESTABLISHED = "01"  # st in /proc/net/tcp: TCP_ESTABLISHED of net/tcp_states.h
_ANCESTORS = 64

_End = tuple[str, int]


def ssh_peer(environ: Mapping[str, str], pid: int, proc: Path) -> CanonicalAddress:
    """Give the address that this process' SSH session comes from; UsageError if there is none."""
    told = next(_told(environ, pid, proc), None)
    if told is None:
        raise UsageError(
            "--me: this is no SSH session, as far as its processes tell; name your address instead"
        )
    try:
        words = told.split()
        peer, here = (words[0], int(words[1])), int(words[-1])
        address = canonical_address(peer[0])
    except (ValueError, IndexError) as error:
        raise UsageError(
            f"--me: SSH_CONNECTION is {told!r:.80}, which names no address that can be exempted; "
            "name your address instead"
        ) from error
    if not any(
        (theirs, here) == ((address, peer[1]), ours[1]) for ours, theirs in _connections(proc)
    ):
        raise UsageError(
            f"--me: the SSH session from {address} that this shell belonged to is over (tmux or "
            "screen keep shells alive); name your address instead"
        )
    return address


def _told(environ: Mapping[str, str], pid: int, proc: Path) -> Iterator[str]:
    """Give what sshd has told this process and those above it of their connection."""
    for _ in range(_ANCESTORS):
        told = environ.get("SSH_CONNECTION") or environ.get("SSH_CLIENT")
        if told:
            yield told
        try:
            # pid (comm) state ppid: the name of a program may hold blanks and brackets.
            status = (proc / str(pid) / "stat").read_text("utf-8", "replace")
            pid = int(status.rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        if pid <= 1:
            return
        environ = _environment(proc / str(pid) / "environ")


def _environment(path: Path) -> dict[str, str]:
    """Give the environment that a process was started with; none where it may not be read."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return {}
    return {name: value for name, _, value in (item.partition("=") for item in text.split("\0"))}


def _connections(proc: Path) -> Iterator[tuple[_End, _End]]:
    """Give both ends, ours first, of every TCP connection that stands."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text("ascii").splitlines()[1:]
        except OSError:  # a kernel without IPv6
            continue
        for line in lines:
            _, ours, theirs, state, *_ = line.split()
            if state == _ESTABLISHED:
                yield _end(ours), _end(theirs)


def _end(text: str) -> _End:
    """Read ``0100007F:0016``: the address as words of 32 bits in the host's order, the port."""
    words, _, port = text.partition(":")
    packed = b"".join(
        struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8)
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return canonical_address(socket.inet_ntop(family, packed)), int(port, 16)
