# SPDX-License-Identifier: MIT
"""Files of exemptions: read again when they change, and never the worse for a slip of the pen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from logban.config.parsers import exempt, exempt_or_list
from logban.judging.exemptions import files as module
from logban.judging.exemptions.files import FileList, list_of
from logban.judging.exemptions.lists import Listing
from logban.model import Subject


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exempt"


def reading(path: Path) -> FileList:
    return list_of(f"file:{path}", exempt)


def entry(listing: Listing | None, address: str) -> tuple[str, str] | None:
    assert listing is not None
    found = listing.networks.find_subject(Subject.parse(address, 128))
    return None if found is None else (found.entry, found.origin.rpartition("/")[2])


def test_the_form(path: Path) -> None:
    path.write_text(
        "# carriers\n"
        "198.51.100.7\n"
        "\n"
        "  203.0.113.0/24   # an office\n"
        "192.0.2.1, 192.0.2.2;as in fail2ban\r\n"
        "2001:DB8:0:0::/48 ; another\n"
        "Office.Example.org."
    )
    kept = reading(path)
    listing = kept.read()
    assert entry(listing, "198.51.100.7") == ("198.51.100.7", "exempt:2")
    assert entry(listing, "203.0.113.9") == ("203.0.113.0/24", "exempt:4")
    assert entry(listing, "192.0.2.1") == ("192.0.2.1", "exempt:5")
    assert entry(listing, "2001:db8::9") == ("2001:db8::/48", "exempt:6")
    assert entry(listing, "198.51.100.8") is None
    assert listing is not None
    assert list(listing.names) == ["office.example.org"]
    assert kept.key == f"file:{path}"
    assert not kept.problem


def test_it_is_read_when_it_changes_and_only_then(path: Path) -> None:
    path.write_text("198.51.100.7\n")
    kept = reading(path)
    assert entry(kept.read(), "198.51.100.7")
    assert kept.read() is None
    path.write_text("198.51.100.8\n")  # as long as before, within the same second
    listing = kept.read()
    assert entry(listing, "198.51.100.8")
    assert not entry(listing, "198.51.100.7")
    another = path.with_name("new")
    another.write_text("198.51.100.9\n")
    another.replace(path)
    assert entry(kept.read(), "198.51.100.9")
    path.write_text("198.51.100.9 # just a remark\n")
    assert kept.read() is None
    path.write_text("")
    assert entry(kept.read(), "198.51.100.9") is None
    assert not kept.problem


def test_beside_a_broken_line_what_held_last_holds_on(path: Path) -> None:
    path.write_text("198.51.100.7\n198.51.100.8\n")
    kept = reading(path)
    kept.read()
    path.write_text("198.51.100.7\n198.51.100.888\n203.0.113.1\n")
    listing = kept.read()
    for address in ("198.51.100.7", "198.51.100.8", "203.0.113.1"):
        assert entry(listing, address), address
    assert kept.problem.endswith("exempt:2: 198.51.100.888: it is no address, network or name")
    path.write_text("203.0.113.1\n")
    listing = kept.read()
    assert not entry(listing, "198.51.100.8")
    assert not kept.problem


def test_many_broken_lines_are_told_in_short(path: Path) -> None:
    path.write_text("".join(f"\x1b[{number}/\n" for number in range(9)))
    kept = reading(path)
    kept.read()
    assert kept.problem.endswith("and 6 lines more")
    assert kept.problem.isprintable()


def test_one_that_cannot_be_read_keeps_what_it_held(path: Path) -> None:
    kept = reading(path)
    assert kept.read() is None
    assert kept.problem == f"{path} can't be read: No such file or directory"
    path.write_text("198.51.100.7\n")
    assert entry(kept.read(), "198.51.100.7")
    assert not kept.problem
    path.unlink()
    assert kept.read() is None
    assert "No such file" in kept.problem
    os.mkfifo(path)
    assert kept.read() is None
    assert kept.problem.endswith("it is no regular file")
    path.unlink()
    path.mkdir()
    assert kept.read() is None
    assert kept.problem
    shutil.rmtree(path)
    path.write_text("198.51.100.7\n")
    assert kept.read() is None  # the same as before: no news
    assert not kept.problem


def test_one_that_everybody_can_write_to_exempts_nobody_new(path: Path) -> None:
    kept = reading(path)
    path.write_text("198.51.100.7\n")
    assert entry(kept.read(), "198.51.100.7")
    path.chmod(0o666)
    path.write_text("203.0.113.66\n")
    assert kept.read() is None
    assert kept.problem == (
        f"{path} can't be read: everybody can write to it, and so exempt himself; do: chmod o-w"
    )
    path.chmod(0o644)
    assert entry(kept.read(), "203.0.113.66")
    assert not kept.problem


def test_one_that_is_too_long_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 30)
    kept = reading(path)
    path.write_text("198.51.100.7\n")
    kept.read()
    path.write_text("198.51.100.8\n" * 3)
    assert kept.read() is None
    assert kept.problem.endswith("it is longer than 30 bytes")


@pytest.mark.parametrize("written", ["file:/etc/exempt", "file://etc/exempt", "file:///etc/exempt"])
def test_how_a_jail_names_it(written: str) -> None:
    assert exempt_or_list(written) == "file:/etc/exempt"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("kamailio:/etc/kamailio/address.list", "kamailio:1:/etc/kamailio/address.list"),
        ("kamailio:07:/etc/kamailio/address.list", "kamailio:7:/etc/kamailio/address.list"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_how_a_jail_names_kamailios(written: str, key: str) -> None:
    assert exempt_or_list(written) == key


@pytest.mark.parametrize("written", ["kamailio:x:/etc/a", "kamailio:-1:/etc/a"])
def test_what_is_no_group(written: str) -> None:
    with pytest.raises(ValueError, match="the group as a number"):
        exempt_or_list(written)


def test_kamailios_address_file(path: Path) -> None:
    path.write_text(
        "# group ip mask port tag\n"
        "1 198.51.100.7 32 5060 trunk\n"
        "1 203.0.113.0 24 0 carrier # of ours\n"
        "1 2001:db8::7\n"
        "2 192.0.2.1 32 0 others\n"
        "1 192.0.2.2 32 0 logban/pbx/1795168800\n"
        "2147483647 192.0.2.1 32 0 logban//abc\n"
        "1\n"
    )
    kept = list_of(f"kamailio:1:{path}", exempt)
    listing = kept.read()
    assert entry(listing, "198.51.100.7") == ("198.51.100.7", "exempt:2")
    assert entry(listing, "203.0.113.9") == ("203.0.113.0/24", "exempt:3")
    assert entry(listing, "2001:db8::7") == ("2001:db8::7", "exempt:4")
    assert not entry(listing, "192.0.2.1")
    assert not entry(listing, "192.0.2.2")
    assert "exempt:8: 1: it is no line of Kamailio's address file" in kept.problem


@pytest.mark.parametrize("written", ["file:", "file:exempt", "file:/", "file:///", "file:../x"])
def test_what_names_no_file(written: str) -> None:
    with pytest.raises(ValueError, match="the file's whole path"):
        exempt_or_list(written)


def test_a_file_names_no_other_file(path: Path) -> None:
    path.write_text("file:/etc/passwd\n")
    kept = reading(path)
    kept.read()
    assert "exempt:1: file:/etc/passwd:" in kept.problem
