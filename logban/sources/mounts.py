# SPDX-License-Identifier: MIT
"""Which file systems tell inotify of everything that happens on them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Others write to these without this kernel's knowledge, which alone is what inotify tells.
# fmt: off
_SHARED = frozenset((
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "fhgfs", "gfs",
    "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs",
    "panfs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
    "wekafs",
))
# fmt: on
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: where, and of which type."""

    point: str
    type: str


def read_mounts() -> tuple[Mount, ...]:
    """Give what is mounted now, in the order in which it was; none where there is no /proc."""
    try:
        return parse_mounts(Path("/proc/self/mountinfo").read_bytes())
    except OSError:
        return ()


def parse_mounts(text: bytes) -> tuple[Mount, ...]:
    """Read what proc_pid_mountinfo(5) describes."""
    found = []
    for line in text.decode(errors="surrogateescape").split("\n"):
        fields, separator, rest = line.partition(" - ")
        if separator:
            point = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
            found.append(Mount(point, rest.split(" ")[0]))
    return tuple(found)


def type_of(directory: str, mounts: Iterable[Mount]) -> str:
    """Give the type of the file system that a real path lies on; "" if that is not known."""
    best = Mount("", "")
    for mount in mounts:
        # Of two at one place, the later one hides the earlier.
        if len(mount.point) >= len(best.point) and _is_within(directory, mount.point):
            best = mount
    return best.type


def is_shared(file_system: str) -> bool:
    """Tell whether others can write to such a file system without inotify noticing."""
    return file_system in _SHARED or file_system == "fuse" or file_system.startswith("fuse.")


def _is_within(directory: str, point: str) -> bool:
    return os.path.commonpath((directory, point)) == point
