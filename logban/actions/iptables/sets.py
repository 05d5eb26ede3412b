# SPDX-License-Identifier: MIT
"""Sets of ipset(8): members through pyroute2, many of them through the ipset program."""

from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyroute2 import IPSet
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.ipset import IPSET_FLAG_LIST_HEADER

from logban.actions import process
from logban.actions.protocols import Missing
from logban.errors import ActionError

LONGEST = 2_147_483
"""The most seconds that the kernel takes as a member's timeout."""

_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_TYPE = "hash:net"  # one set for all prefix lengths
_HASH_FULL = 4352  # IPSET_ERR_HASH_FULL of linux/netfilter/ipset/ip_set.h
# Through pyroute2 a member takes 0.2 ms to add and 0.06 ms to read; the program takes 1 ms to
# start, and then 0.01 ms a member.
_MANY = 20
_LIMIT = 1 << 30
_TIMEOUT = 120.0


class Sets:
    """The kernel's ipsets, as seen from the network namespace of the thread that makes this."""

    def __init__(self) -> None:
        try:
            self._socket = IPSet()
        except (NetlinkError, OSError) as error:
            raise explain(error, "ipset") from error
        self._program = shutil.which("ipset", path=process.ENVIRONMENT["PATH"])

    def make(self, name: str, version: int, size: int) -> None:
        """Make a set, or find it with its members; ActionError if somebody else made it."""
        try:
            header = self._header(name)
            if header is None:
                self._socket.create(
                    name, stype=_TYPE, family=_FAMILY[version], timeout=0, maxelem=size
                )
            elif header != (_TYPE, _FAMILY[version], True):
                raise ActionError(
                    f"ipset {name} was made by somebody else: it is no {_TYPE} of IPv{version} "
                    "with timeouts, so bans in it would not end. Destroy it "
                    f"(ipset destroy {name}) or give the action another name="
                )
        except NetlinkError as error:
            raise explain(error, name) from error

    def _header(self, name: str) -> tuple[str, int, bool] | None:
        """Give type, address family and whether there are timeouts; None where there is no set."""
        try:
            for answer in self._socket.list(name, flags=IPSET_FLAG_LIST_HEADER):
                data = answer.get_attr("IPSET_ATTR_DATA")
                return (
                    str(answer.get_attr("IPSET_ATTR_TYPENAME")),
                    int(answer.get_attr("IPSET_ATTR_FAMILY")),
                    data.get_attr("IPSET_ATTR_TIMEOUT") is not None,
                )
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise
        return None

    def count(self, name: str) -> int:
        """Give the number of members of a set whose time is not up; Missing if there is no set."""
        try:
            for answer in self._socket.list(name, flags=IPSET_FLAG_LIST_HEADER):
                data = answer.get_attr("IPSET_ATTR_DATA")
                return int(data.get_attr("IPSET_ATTR_ELEMENTS") or 0)
        except NetlinkError as error:
            raise explain(error, name) from error
        raise Missing(f"there is no ipset {name}")

    def put(self, name: str, version: int, timeouts: Mapping[str, int]) -> None:
        """Add networks with their timeouts in seconds (0: none), or give those there a new one."""
        if len(timeouts) >= _MANY and self._program is not None:
            lines = (f"add {name} {net} timeout {left}\n" for net, left in timeouts.items())
            self._run([self._program, "-exist", "restore"], name, lines)
            return
        try:
            for net, left in timeouts.items():
                self._socket.add(
                    name, net, family=_FAMILY[version], exclusive=False, timeout=left, etype="net"
                )
        except NetlinkError as error:
            raise explain(error, name) from error

    def take(self, name: str, version: int, nets: Iterable[str]) -> None:
        """Delete networks, whether they are there or not."""
        wanted = list(nets)
        if len(wanted) >= _MANY and self._program is not None:
            lines = (f"del {name} {net}\n" for net in wanted)
            self._run([self._program, "-exist", "restore"], name, lines)
            return
        try:
            for net in wanted:
                self._socket.delete(
                    name, net, family=_FAMILY[version], exclusive=False, etype="net"
                )
        except NetlinkError as error:
            raise explain(error, name) from error

    def members(self, name: str) -> Iterator[tuple[str, int]]:
        """Give the networks in a set, as ipset writes them, and their seconds left, 0 for ever."""
        if self._program is not None:
            for line in self._run([self._program, "save", name], name).splitlines():
                words = line.split()  # add NAME NETWORK timeout SECONDS
                if words[0] == "add":
                    yield words[2], int(words[4])
            return
        try:
            for answer in self._socket.list(name):
                data = answer.get_attr("IPSET_ATTR_ADT")
                for member in data.get_attrs("IPSET_ATTR_DATA") if data else ():
                    address = member.get_attr("IPSET_ATTR_IP_FROM")
                    text = address.get_attr("IPSET_ATTR_IPADDR_IPV4") or address.get_attr(
                        "IPSET_ATTR_IPADDR_IPV6"
                    )
                    length = int(member.get_attr("IPSET_ATTR_CIDR"))
                    yield f"{text}/{length}", int(member.get_attr("IPSET_ATTR_TIMEOUT"))
        except NetlinkError as error:
            raise explain(error, name) from error

    def names(self) -> list[str]:
        """Give the sets that there are."""
        answers = self._socket.list(flags=IPSET_FLAG_LIST_HEADER)
        return [str(answer.get_attr("IPSET_ATTR_SETNAME")) for answer in answers]

    def destroy(self, name: str) -> None:
        """Remove a set that no rule names."""
        try:
            self._socket.destroy(name)
        except NetlinkError as error:
            raise explain(error, name) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _run(self, argv: Sequence[str], name: str, lines: Iterable[str] = ()) -> str:
        given = "".join(lines).encode()
        try:
            finished = process.run(argv, timeout=_TIMEOUT, limit=_LIMIT, given=given, firewall=True)
        except OSError as error:
            raise ActionError(f"{argv[0]} cannot be run: {error}") from error
        if finished.timed_out:
            raise ActionError(f"ipset did not end within {_TIMEOUT:.0f} seconds")
        output = finished.output.decode("utf-8", "replace")
        if finished.code != 0:
            raise explain(output.strip()[:500], name)
        return output


def explain(fault: Exception | str, name: str) -> ActionError:
    """Give the error that pyroute2's exception or the program's words mean."""
    words = str(fault)
    code = fault.code if isinstance(fault, NetlinkError) else None
    if code == errno.EPERM or isinstance(fault, PermissionError) or "not permitted" in words:
        return ActionError(
            f"the kernel refuses ipset: {words}. logban-server needs the capability CAP_NET_ADMIN "
            "(root, or AmbientCapabilities= in its unit)"
        )
    if code == errno.ENOENT or "does not exist" in words:
        return Missing(f"there is no ipset {name}")
    if code == _HASH_FULL or "is full" in words:
        return ActionError(
            f"ipset {name} is full: {words}. Destroy it and give the action a larger size=, "
            "or shorter bans"
        )
    return ActionError(f"ipset {name}: {words}")
