# SPDX-License-Identifier: MIT
"""What is in logban's nftables, read from the kernel itself.

libnftables fetches the elements of every set for whatever it is asked: 0.4 s for 100,000.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator
from typing import Final

from logban.actions.nftables import nfnetlink
from logban.actions.nftables.nfnetlink import Requests, attributes, text
from logban.errors import TryAgain

TABLE: Final = "logban"

# NFT_MSG_..., and the attributes NFTA_... of each kind of object.
_GET_TABLE, _GET_CHAIN, _GET_RULE, _GET_SET, _GET_ELEMENTS = 1, 4, 7, 10, 13
_TABLE_NAME, _TABLE_FLAGS = 1, 2
_CHAIN_TABLE, _CHAIN_NAME = 1, 3
_CHAIN_SHAPE: Final = frozenset({3, 4, 5, 7, 10})  # NAME, HOOK, POLICY, TYPE, FLAGS
_RULE_TABLE, _RULE_CHAIN, _RULE_EXPRESSIONS = 1, 2, 4
_EXPRESSION_NAME: Final = 1
_SET_TABLE, _SET_NAME, _SET_FLAGS, _SET_KEY_TYPE = 1, 2, 3, 4
_ELEMENTS_TABLE, _ELEMENTS_SET, _ELEMENTS = 1, 2, 3
_KEY, _TIMEOUT, _EXPIRATION = 1, 4, 5
_WORD: Final = struct.Struct(">I")
_MILLISECONDS: Final = struct.Struct(">Q")
# A timed element by its length, as all of a set are: its head and key, timeout, expiration.
_TIMED_ELEMENTS: Final = {
    shape.size: shape for shape in (struct.Struct(">12s4s4sQ4sQ"), struct.Struct(">12s16s4sQ4sQ"))
}

_TIMED: Final = 0x10  # NFT_SET_TIMEOUT, and no other flag
_VERSIONS: Final = {7: 4, 8: 6}  # nft's types ipv4_addr and ipv6_addr, of datatype.h

_TRIES: Final = 5

Shape = tuple[bytes, ...]
"""What a chain does: its table's flags, its hook, its rules without their counters."""


def shape(kernel: Requests, chain: str) -> Shape:
    """Give what a chain does; Missing if it is not there."""
    in_table = text(_CHAIN_TABLE, TABLE)
    table = dict(attributes(kernel.get(_GET_TABLE, text(_TABLE_NAME, TABLE))))
    hook = attributes(kernel.get(_GET_CHAIN, in_table + text(_CHAIN_NAME, chain)))
    rules = _whole(kernel, _GET_RULE, text(_RULE_TABLE, TABLE) + text(_RULE_CHAIN, chain))
    return (
        table[_TABLE_FLAGS],
        *(value for kind, value in hook if kind in _CHAIN_SHAPE),
        *(_rule(rule) for rule in rules),
    )


def sets(kernel: Requests) -> Iterator[tuple[str, int | None]]:
    """Give the sets in logban's table, each with the IP version whose timed addresses it holds.

    None for a version where it is another kind of set.
    """
    for message in _whole(kernel, _GET_SET, b""):
        said = dict(attributes(message))
        if said[_SET_TABLE] != TABLE.encode() + b"\0":
            continue
        (flags,) = _WORD.unpack(said.get(_SET_FLAGS, bytes(4)))
        (kind,) = _WORD.unpack(said[_SET_KEY_TYPE])
        version = _VERSIONS.get(kind) if flags == _TIMED else None
        yield said[_SET_NAME].rstrip(b"\0").decode(), version


def elements(kernel: Requests, name: str) -> list[tuple[bytes, float | None]]:
    """Give the keys in a set and the seconds that they have left, None for ever."""
    asked = text(_ELEMENTS_TABLE, TABLE) + text(_ELEMENTS_SET, name)
    for _ in range(_TRIES):
        found = [
            each
            for message in _whole(kernel, _GET_ELEMENTS, asked)
            for kind, value in attributes(message)
            if kind == _ELEMENTS
            for each in _elements(value)
        ]
        # While the kernel makes a set's table larger, some are shown twice and others not at all.
        if len({key for key, _ in found}) == len(found):
            break
    return found


def _whole(kernel: Requests, kind: int, asked: bytes) -> list[bytes]:
    """Give all objects as of one moment; TryAgain where the tables do not come to rest."""
    for _ in range(_TRIES - 1):
        try:
            return list(kernel.dump(kind, asked))
        except TryAgain:
            continue
    return list(kernel.dump(kind, asked))


def _elements(data: bytes) -> Iterable[tuple[bytes, float | None]]:
    """Give keys and seconds left; in one go where all elements look as the first one does."""
    length = int.from_bytes(data[:2], sys.byteorder)
    shape = _TIMED_ELEMENTS.get(length)
    if shape is None or len(data) % length:
        return _each_element(data)
    if [kind for kind, _ in attributes(data[4:length])] != [_KEY, _TIMEOUT, _EXPIRATION]:
        return _each_element(data)
    head, _, timeout, _, expiration, _ = shape.unpack_from(data)
    found = [
        (key, left / 1000)
        for one, key, two, _, three, left in shape.iter_unpack(data)
        if one == head and two == timeout and three == expiration
    ]
    return found if len(found) * length == len(data) else _each_element(data)


def _each_element(data: bytes) -> Iterator[tuple[bytes, float | None]]:
    for _, element in attributes(data):
        key, left = b"", None
        for kind, value in attributes(element):
            if kind == _KEY:
                key = value[nfnetlink.ATTRIBUTE :]
            elif kind == _EXPIRATION:
                left = _MILLISECONDS.unpack(value)[0] / 1000
        yield key, left


def _rule(message: bytes) -> bytes:
    (expressions,) = (value for kind, value in attributes(message) if kind == _RULE_EXPRESSIONS)
    kept = (each for _, each in attributes(expressions) if not _is_counter(each))
    return b"".join(kept)


def _is_counter(expression: bytes) -> bool:
    return (_EXPRESSION_NAME, b"counter\0") in attributes(expression)
