# SPDX-License-Identifier: MIT
"""What a host's kernel says of its sets, whoever has made them: by nft and ipset."""

from __future__ import annotations

import re
import time

from logban.testing.namespaces import Namespace


def seconds_left(space: Namespace, address: str) -> int:
    """Give for how many whole seconds a set goes on holding an address; KeyError if none does."""
    shown = space.run(["ipset", "save"]) + space.run(["nft", "--json", "list", "ruleset"])
    text = re.escape(address)
    found = re.search(rf' {text} timeout (\d+)|"{text}", "timeout": \d+, "expires": (\d+)', shown)
    if found is None:
        raise KeyError(address)
    return int(found[1] or found[2])


def ends_with_ban(space: Namespace, address: str, until: float) -> bool:
    """Tell whether the kernel lets go of an address when a ban ends, and not before.

    It does so later by what has passed between the look at the clock and the kernel's taking it:
    how long that is, a busy machine decides.
    """
    before = time.time()
    left = seconds_left(space, address)
    return until - time.time() - 1 <= left <= until - before + 60
