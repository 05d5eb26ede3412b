# SPDX-License-Identifier: MIT
"""Which file systems tell inotify of everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.sources.mounts import Mount, is_shared, parse_mounts, read_mounts, type_of

MOUNTINFO = (
    b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
    b"30 27 0:25 / /mnt/pbx\\040logs rw shared:1 master:2 - nfs4 server:/logs rw,vers=4.2\n"
    b"31 27 0:26 / /mnt rw - fuse.sshfs host: rw\n"
    b"32 27 0:27 / /srv rw - nfs server:/srv rw\n"
    b"33 32 0:28 / /srv rw - xfs /dev/vdb rw\n"
    b"garbage\n"
)


def test_parse() -> None:
    mounts = parse_mounts(MOUNTINFO)
    assert mounts[1] == Mount("/mnt/pbx logs", "nfs4")
    assert len(mounts) == 5


@pytest.mark.parametrize(
    ("directory", "file_system"),
    [
        ("/", "ext4"),
        ("/var/log", "ext4"),
        ("/mnt/pbx logs", "nfs4"),
        ("/mnt/pbx logs/a", "nfs4"),
        ("/mnt/pbx logs2", "fuse.sshfs"),
        ("/srv/log", "xfs"),
    ],
)
def test_type(directory: str, file_system: str) -> None:
    assert type_of(directory, parse_mounts(MOUNTINFO)) == file_system


def test_type_where_nothing_is_known() -> None:
    assert type_of("/var/log", ()) == ""


@pytest.mark.parametrize(
    ("file_system", "answer"),
    [
        ("nfs", True),
        ("cifs", True),
        ("fuse", True),
        ("fuse.sshfs", True),
        ("9p", True),
        ("ext4", False),
        ("fuseblk", False),
        ("overlay", False),
        ("", False),
    ],
)
def test_shared(file_system: str, answer: bool) -> None:
    assert is_shared(file_system) is answer


def test_this_host_has_a_root() -> None:
    assert "/" in {mount.point for mount in read_mounts()}


def test_a_host_without_proc(monkeypatch) -> None:
    def fail(_: Path) -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert read_mounts() == ()
