# SPDX-License-Identifier: MIT
"""Lists of secfilter's as files, and what is refused because it would do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.actions.kamailio.lists import Color, Entry, Kind, parse_list, read_lists
from logban.actions.kamailio.rpc import Call, Method
from logban.model import Subject, SubjectKind

SHIPPED = Path(__file__).parents[3] / "lists.d"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.IP, "203.0.113.7", "203.0.113.7"),
        (Kind.IP, "203.0.113.", "203.0.113."),
        (Kind.IP, "2001:DB8:0:0::5", "2001:db8::5"),
        (Kind.IP, "2001:DB8:", "2001:db8:"),
        (Kind.UA, " friendly-scanner ", "friendly-scanner"),
        (Kind.COUNTRY, "fr", "FR"),
        (Kind.USER, "6003", "6003"),
        (Kind.DOMAIN, "example.org", "example.org"),
        (Kind.DST, "882130000", "882130000"),
    ],
)
def test_entries(kind: Kind, text: str, value: str) -> None:
    entry = Entry.parse(kind, text)
    assert entry == Entry(Color.BLACK, kind, value)
    assert str(entry) == f"black {kind} {value}"


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Kind.IP, "", "an empty entry would hit everybody"),
        (Kind.UA, "  ", "an empty entry would hit everybody"),
        (Kind.UA, "a\nb", "invisible"),
        (Kind.UA, "x" * 300, "too long"),
        (Kind.IP, "203.0.113.0/24", "kamailio-address"),
        (Kind.IP, "203.0.113", "no address and no beginning of one"),
        (Kind.IP, "300.", "no beginning of an address"),
        (Kind.IP, "1.2.3.4.", "no beginning of an address"),
        (Kind.IP, "2001:0db8:", "no beginning of an address"),
        (Kind.IP, "host.example", "no address"),
        (Kind.COUNTRY, "FRA", "no country code"),
        (Kind.DST, "+33900", "database table"),
        (Kind.DST, "0033900", "database table"),
        (Kind.DST, "1234567890", "database table"),
        (Kind.DST, "abc", "database table"),
    ],
)
def test_what_is_refused(kind: Kind, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Entry.parse(kind, text)


def test_there_is_no_white_list_of_destinations() -> None:
    with pytest.raises(ValueError, match="no white list of destinations"):
        Entry.parse(Kind.DST, "88213", Color.WHITE)


def test_the_calls_of_an_entry() -> None:
    black, white = (Entry.parse(Kind.UA, "sipcli", color) for color in Color)
    assert black.added() == Call(Method.SECFILTER_ADD_BL, ("ua", "sipcli"))
    assert white.added() == Call(Method.SECFILTER_ADD_WL, ("ua", "sipcli"))
    assert black.deleted() == Call(Method.SECFILTER_DEL_BL, ("ua", "sipcli"))
    assert white.deleted() == Call(Method.SECFILTER_DEL_WL, ("ua", "sipcli"))
    number = Entry.parse(Kind.DST, "88213")
    assert number.added() == Call(Method.SECFILTER_ADD_DST, (88213,))
    assert number.deleted() == Call(Method.SECFILTER_DEL_DST, (88213,))


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (Kind.IP, Subject(SubjectKind.IP, "203.0.113.7")),
        (Kind.USER, Subject(SubjectKind.USER, user="6003")),
    ],
)
def test_an_entry_tells_whom_it_bans(kind: Kind, subject: Subject) -> None:
    assert Entry.of_ban(kind, subject).subject() == subject


def test_lists_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.list").write_text("# mine\n\nwhite ip 198.51.100.7\n  BLACK UA Test Agent  \n")
    (tmp_path / "a.list").write_text("black ua sipcli\nblack ua sipcli\n")
    (tmp_path / "a.txt").write_text("nonsense")
    read = read_lists(str(tmp_path))
    assert [str(entry) for entry in read.entries] == [
        "black ua sipcli",
        "white ip 198.51.100.7",
        "black ua Test Agent",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("black ua", r"x\.list:2: 'black ua' lacks a word"),
        ("grey ua x", r"x\.list:2: 'grey ua x' does not begin with black or white"),
        ("black url x", "does not begin"),
        ("black ip 0/0", r"x\.list:2: 0/0 would hit nobody"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.list").write_text(f"# a list\n{text}\n")
    with pytest.raises(ValueError, match=said):
        read_lists(str(tmp_path))


def test_what_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no absolute path"):
        read_lists("lists.d")
    (tmp_path / "x.list").mkdir()
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        read_lists(str(tmp_path))
    (tmp_path / "x.list").rmdir()
    (tmp_path / "x.list").write_bytes(b"#" * (5 << 20))
    with pytest.raises(ValueError, match="larger than"):
        read_lists(str(tmp_path))


def test_the_shipped_lists_can_be_followed() -> None:
    entries = read_lists(str(SHIPPED)).entries
    agents = [entry.value for entry in entries if entry.kind is Kind.UA]
    assert len(agents) >= 17
    assert {"friendly-scanner", "sipvicious", "VaxSIPUserAgent"} <= set(agents)
    assert all(entry.color is Color.BLACK for entry in entries)


def test_every_line_stands_for_itself() -> None:
    assert [str(entry) for entry in parse_list("black user 100\nblack user 101\n", "x")] == [
        "black user 100",
        "black user 101",
    ]
