# SPDX-License-Identifier: MIT
"""Elements of logban's sets, written by netlink: one transaction a call, in little time.

libnftables reads a text and asks the kernel for its tables before each transaction; that takes five
times as long for a single ban, and half as long again for many.
Formats: linux/netfilter/nfnetlink.h (batches), linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Final

from logban.actions.networks import Prefix
from logban.actions.nftables import reading as nft_reading
from logban.actions.nftables import runner as nft_runner
from logban.actions.nftables.nfnetlink import FAMILY, INET, SUBSYSTEM, messages, text
from logban.errors import ActionError, TryAgain

AT_ONCE: Final = 1000
"""Elements of one transaction: more are no faster, and while the kernel works on one nobody else
can change its tables."""

_HEADER: Final = struct.Struct("=IHHIIBBH")  # nlmsghdr, then nfgenmsg
_BEGIN, _END = 16, 17  # NFNL_MSG_BATCH_...
_NEW, _DELETE = SUBSYSTEM << 8 | 12, SUBSYSTEM << 8 | 14  # NFT_MSG_NEWSETELEM, DELSETELEM
_REQUEST, _ACK, _CREATE = 0x01, 0x04, 0x400  # NLM_F_...
_IS_ERROR: Final = 2  # NLMSG_ERROR
_ERROR: Final = struct.Struct("=i")
_ERROR_AT: Final = 16

_NESTED: Final = 0x8000  # NLA_F_NESTED
_LISTED: Final = struct.Struct("=HH")
_ELEMENTS: Final = 3  # NFTA_SET_ELEM_LIST_ELEMENTS
# An element: NFTA_LIST_ELEM of NFTA_SET_ELEM_KEY of NFTA_DATA_VALUE, and NFTA_SET_ELEM_TIMEOUT.
_HEADS: Final = struct.Struct("=HHHHHH")
_TIMEOUT_HEAD: Final = _LISTED.pack(12, 4)
_TIMEOUT_SIZE: Final = 12
_TIMED: Final = {4: struct.Struct(">12s4s4sQ"), 6: struct.Struct(">12s16s4sQ")}

_SOL_NETLINK, _CAP_ACK = 270, 10  # an error does not repeat what was sent
_RECEIVE: Final = 1 << 16
_WITHIN: Final = 10.0
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


class Elements:
    """A socket to write by, in the network namespace of the thread that makes it."""

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, FAMILY
            )
            self._socket.bind((0, 0))
            self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        except OSError as error:
            raise ActionError(f"the kernel's netfilter cannot be reached: {error}") from error
        self._socket.settimeout(_WITHIN)
        self._sequence = 0

    def put(self, word: str, prefix: Prefix, ends: Mapping[str, float | None]) -> None:
        """Add elements with the seconds that they have left, whether they are there or not.

        Kernels before 6.12 keep the old timeout of an element that is added again, so it is
        deleted; and added before that, as deleting what is not there would fail the transaction.
        """
        for part in _parts(ends.items()):
            plain = _plain(prefix, (address for address, _ in part))
            timed = _timed(prefix, part)
            self._run(word, [(_NEW, plain), (_DELETE, plain), (_NEW, timed)])

    def add(self, word: str, prefix: Prefix, ends: Mapping[str, float | None]) -> None:
        """Add elements that are not there with the seconds that they have left."""
        for part in _parts(ends.items()):
            self._run(word, [(_NEW, _timed(prefix, part))])

    def take(self, word: str, prefix: Prefix, addresses: Iterable[str]) -> None:
        """Delete elements, whether they are there or not; Missing where the set is not."""
        for part in _parts((address, None) for address in addresses):
            plain = _plain(prefix, (address for address, _ in part))
            self._run(word, [(_NEW, plain), (_DELETE, plain)])

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _run(self, word: str, steps: list[tuple[int, bytes]]) -> None:
        """Do these in one transaction; Missing, or another ActionError, if nothing came of it."""
        place = text(1, nft_reading.TABLE) + text(2, word)
        first = self._sequence + 1
        batch = [self._message(_BEGIN, _REQUEST, SUBSYSTEM, b"")]
        for number, (kind, elements) in enumerate(steps, 1):
            flags = _REQUEST | (_CREATE if kind == _NEW else 0)
            if number == len(steps):
                flags |= _ACK
            listed = _LISTED.pack(_LISTED.size + len(elements), _ELEMENTS | _NESTED) + elements
            batch.append(self._message(kind, flags, 0, place + listed, INET))
        last = self._sequence
        batch.append(self._message(_END, _REQUEST, SUBSYSTEM, b""))
        try:
            self._socket.send(b"".join(batch))
            code = self._outcome(first, last)
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise TryAgain("the kernel's answer was lost") from error
            raise ActionError(f"the kernel's netfilter does not answer: {error}") from error
        if code:
            raise nft_runner.explain(f"error: {os.strerror(code)}")

    def _outcome(self, first: int, last: int) -> int:
        """Give the first error, 0 for none, once the kernel has answered all it will."""
        found = 0
        while True:
            for kind, _, sequence, message in messages(self._socket.recv(_RECEIVE)):
                if kind != _IS_ERROR or not first <= sequence <= last:
                    continue  # the rest of an earlier answer
                code = -_ERROR.unpack_from(message, _ERROR_AT)[0]
                found = found or code
                # Of a batch that it does not even begin with, it says no more than that.
                if sequence == last or (sequence == first and code):
                    return found

    def _message(self, kind: int, flags: int, resource: int, body: bytes, family: int = 0) -> bytes:
        self._sequence = self._sequence % 0xFFFF_FFF0 + 1
        length = _HEADER.size + len(body)
        network_order = socket.htons(resource)
        return _HEADER.pack(length, kind, flags, self._sequence, 0, family, 0, network_order) + body


def _parts(
    items: Iterable[tuple[str, float | None]],
) -> Iterator[list[tuple[str, float | None]]]:
    rest = iter(items)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _plain(prefix: Prefix, addresses: Iterable[str]) -> bytes:
    family = _FAMILIES[prefix.version]
    head = _head(prefix)
    binary = socket.inet_pton
    return b"".join([head + binary(family, address) for address in addresses])


def _timed(prefix: Prefix, items: Iterable[tuple[str, float | None]]) -> bytes:
    family = _FAMILIES[prefix.version]
    lasting, head = _head(prefix), _head(prefix, _TIMEOUT_SIZE)
    binary, pack = socket.inet_pton, _TIMED[prefix.version].pack
    return b"".join(
        [
            lasting + binary(family, address)
            if left is None
            # A timeout of 0 would be none at all.
            else pack(head, binary(family, address), _TIMEOUT_HEAD, int(left * 1000) or 1)
            for address, left in items
        ]
    )


@cache
def _head(prefix: Prefix, more: int = 0) -> bytes:
    """Give what stands before the address in an element that has so many bytes behind it."""
    size = _HEADS.size + (4 if prefix.version == 4 else 16)
    return _HEADS.pack(size + more, 1 | _NESTED, size - 4, 1 | _NESTED, size - 8, 1)
