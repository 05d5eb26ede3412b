# SPDX-License-Identifier: MIT
"""Small MaxMind databases for tests: format version 2.0, as maxmind.github.io/MaxMind-DB says."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping

Value = str | int | Mapping[str, "Value"] | tuple[str, ...]

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)
_STRING, _UINT16, _UINT32, _MAP, _ARRAY = 2, 5, 6, 7, 11


class _Node:
    """A bit of the search tree: two nodes below it, or the data of a network."""

    def __init__(self) -> None:
        self.below: list[_Node | None] = [None, None]
        self.data: Value | None = None
        self.number = -1


def database(networks: Mapping[str, Value], kind: str = "Test-Country") -> bytes:
    """Give the bytes of a database of both families; no network may lie within another."""
    root = _Node()
    for text, value in networks.items():
        network = ipaddress.ip_network(text)
        node = root
        for bit in _bits(network):
            below = node.below[bit] or _Node()
            node.below[bit] = below
            node = below
        node.data = value
    nodes: list[_Node] = []
    _number(root, nodes)
    data = b""
    places: dict[int, int] = {}
    for node in _leaves(root):
        places[id(node)] = len(data)
        data += _written(node.data)
    tree = b"".join(_record(below, len(nodes), places) for node in nodes for below in node.below)
    about: dict[str, Value] = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_795_168_800,
        "database_type": kind,
        "description": {"en": "made by a test"},
        "languages": ("en",),
        "ip_version": 6,
        "node_count": len(nodes),
        "record_size": 32,
    }
    return tree + _SEPARATOR + data + _MARKER + _written(about)


def _bits(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[int]:
    """Give the way to a network; IPv4 lies at ::/96."""
    value, length = int(network.network_address), network.prefixlen
    if network.version == 4:
        length += 96
    return [value >> (127 - at) & 1 for at in range(length)]


def _number(node: _Node, nodes: list[_Node]) -> None:
    node.number = len(nodes)
    nodes.append(node)
    for below in node.below:
        if below is not None and below.data is None:
            _number(below, nodes)


def _leaves(node: _Node) -> list[_Node]:
    if node.data is not None:
        return [node]
    return [leaf for below in node.below if below is not None for leaf in _leaves(below)]


def _record(below: _Node | None, count: int, places: Mapping[int, int]) -> bytes:
    if below is None:
        return struct.pack(">I", count)
    if below.data is None:
        return struct.pack(">I", below.number)
    return struct.pack(">I", count + len(_SEPARATOR) + places[id(below)])


def _written(value: Value | None) -> bytes:
    match value:
        case str():
            text = value.encode()
            return _control(_STRING, len(text)) + text
        case int():
            kind = _UINT16 if value < 1 << 16 else _UINT32
            raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
            return _control(kind, len(raw)) + raw
        case tuple():
            # An extended type: 0 in its place, and the type less 7 in the next byte.
            items = map(_written, value)
            return bytes([len(value), _ARRAY - 7]) + b"".join(items)
        case None:
            raise ValueError("a network without data")
        case _:
            pairs = (_written(name) + _written(each) for name, each in value.items())
            return _control(_MAP, len(value)) + b"".join(pairs)


def _control(kind: int, size: int) -> bytes:
    if size >= 29:
        raise ValueError("too long for a database of a test")
    return bytes([kind << 5 | size])
