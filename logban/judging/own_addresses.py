# SPDX-License-Identifier: MIT
"""The addresses of the host itself, which are never banned."""

from __future__ import annotations

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from logban.model import canonical_address


def read_own_addresses() -> frozenset[str]:
    """Give the addresses of all interfaces, as they are now; OSError if the kernel won't tell."""
    try:
        with IPRoute() as kernel:
            found = [
                message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
                for message in kernel.addr("dump")
            ]
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error
    return frozenset(canonical_address(text) for text in found if text)
