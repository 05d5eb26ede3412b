# SPDX-License-Identifier: MIT
"""The addresses of the host itself, which are never banned.

The C library is asked (getifaddrs(3)): pyroute2 knows them as well, and takes a quarter of the
daemon's start to be imported.
"""

from __future__ import annotations

import ctypes
import os
import socket
from typing import Final

from logban.addresses import canonical_address


class _Interface(ctypes.Structure):
    """``struct ifaddrs`` of ifaddrs.h; what stands behind the address is not looked at."""


_Pointer = ctypes.POINTER(_Interface)
_Interface._fields_ = [
    ("next", _Pointer),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]

_FAMILY: Final = ctypes.c_ushort  # the first field of every kind of sockaddr
# Where the address stands in a sockaddr_in and a sockaddr_in6 (netinet/in.h), and its bytes.
_PLACES: Final = {socket.AF_INET: (4, 4), socket.AF_INET6: (8, 16)}


def read_own_addresses() -> frozenset[str]:
    """Give the addresses of all interfaces, as they are now; OSError if the kernel won't tell."""
    library = ctypes.CDLL(None, use_errno=True)
    first = _Pointer()
    if library.getifaddrs(ctypes.byref(first)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    found = set()
    try:
        each = first
        while each:
            interface = each.contents
            if interface.address:
                family = _FAMILY.from_address(interface.address).value
                if family in _PLACES:
                    offset, size = _PLACES[socket.AddressFamily(family)]
                    binary = ctypes.string_at(interface.address + offset, size)
                    found.add(canonical_address(socket.inet_ntop(family, binary)))
            each = interface.next
    finally:
        library.freeifaddrs(first)
    return frozenset(found)
