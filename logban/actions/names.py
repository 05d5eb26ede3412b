# SPDX-License-Identifier: MIT
"""Names for the kernel's tables, made of names that an admin chose freely."""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]", re.ASCII)
_HASHED = re.compile(r".*-[0-9a-f]{8}", re.ASCII)


def identifier(name: str, limit: int) -> str:
    """Give a word of at most ``limit`` characters that nft, iptables and ipset all take.

    A name that is one already stays as it is.  Any other is cut and rewritten and gets eight
    digits of its hash, as does one that ends like that, so that two names never become one.
    """
    if len(name) <= limit and _SAFE.fullmatch(name) and not _HASHED.fullmatch(name):
        return name
    digits = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    word = _UNSAFE.sub("_", name)
    if not word or not _SAFE.match(word):
        word = f"_{word}"
    return f"{word[: limit - 9]}-{digits}"
