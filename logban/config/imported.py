# SPDX-License-Identifier: MIT
"""How a file that was taken over from fail2ban says so, in its first line."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

_STAMP: Final = re.compile(rb"# From fail2ban, sha256 ([0-9a-f]{64}): [^\n]*\n")


def stamped(body: bytes, remark: str) -> bytes:
    """Put a first line before a file's text that tells where it is from and what it is."""
    text = remark.encode("ascii", "backslashreplace").decode("ascii").replace("\n", " ")
    digest = hashlib.sha256(body).hexdigest()
    return f"# From fail2ban, sha256 {digest}: {text}\n".encode("ascii") + body


def is_untouched(data: bytes) -> bool:
    """Say whether the text behind the first line is still the one that was written with it."""
    stamp = _STAMP.match(data)
    if stamp is None:
        return False
    return hashlib.sha256(data[stamp.end() :]).hexdigest().encode("ascii") == stamp[1]


def has_stamp(data: bytes) -> bool:
    """Say whether a text was taken over, be it changed since or not."""
    return _STAMP.match(data) is not None


def is_imported(path: Path) -> bool:
    """Say whether a file was taken over, be it changed since or not."""
    try:
        with path.open("rb") as stream:
            return has_stamp(stream.read(4096))
    except OSError:
        return False
