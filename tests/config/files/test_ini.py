# SPDX-License-Identifier: MIT
"""Tests of the reader of one file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logban.config.files.ini import MAX_FILE_BYTES, IniFile, parse, read_file
from logban.config.files.text import joined


def values(text: str) -> dict[str, dict[str, str]]:
    """Read a text and give its values without their places."""
    return {
        section.name: {key: joined(value.lines) for key, value in section.values.items()}
        for section in parse(text.encode(), "x.conf").sections.values()
    }


def test_sections_keys_and_both_delimiters() -> None:
    text = "[a]\nKey = 1\nother: 2\n[b] \nempty =\nurl = http://x?y=z\n"
    assert values(text) == {
        "a": {"key": "1", "other": "2"},
        "b": {"empty": "", "url": "http://x?y=z"},
    }


def test_comments_at_line_start_within_values_and_behind_them() -> None:
    text = "# c\n; c\n[a]\nk = one # kept ; cut\n  # dropped\n\n    two;kept\n"
    text += " ; dropped\n\n  three\nl=4"
    assert values(text) == {"a": {"k": "one # kept\ntwo;kept\nthree", "l": "4"}}


def test_every_line_of_a_value_knows_its_place() -> None:
    value = parse(b"[a]\nk = one\n\n   # c\n   two\n", "x.conf").sections["a"].values["k"]
    assert str(value.origin) == "x.conf:2"
    assert [(line.text, str(line.origin)) for line in value.lines] == [
        ("one", "x.conf:2"),
        ("two", "x.conf:5"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf[a]\r\nk = 1\r\n  2\r\n",
        b"[a]\rk = 1\r  2\r",
        b"    [a]\n    k = 1\n        2\n",
        "[a]\nk = 1\n\u00a0\u00a02\n".encode(),
        b"[a]\nk =\n\t1\n\t\t2",
    ],
)
def test_ends_of_lines_byte_order_marks_and_odd_indentation(data: bytes) -> None:
    (section,) = parse(data, "x.conf").sections.values()
    assert (section.name, joined(section.values["k"].lines)) == ("a", "1\n2")


def test_a_key_that_is_indented_like_the_one_above_is_a_key() -> None:
    assert values("[a]\n  k = 1\n  l = 2\n    3\n m = 4\n") == {
        "a": {"k": "1", "l": "2\n3", "m": "4"}
    }


def test_a_key_that_is_set_twice_warns_and_sections_that_come_twice_merge() -> None:
    file = parse(b"[a]\nk = 1\n[b]\n[a]\nl = 2\nk = 3\n", "x.conf")
    assert joined(file.sections["a"].values["k"].lines) == "3"
    assert joined(file.sections["a"].values["l"].lines) == "2"
    (remark,) = file.remarks
    assert str(remark.problem) == "x.conf:6: 'k' is set again and displaces line 2"


@pytest.mark.parametrize(
    ("text", "section", "line", "above"),
    [
        ("stray\n[a]\n", "", 1, None),
        ("k = 1\n[a]\n", "", 1, None),
        ("[a]\nk = 1\nsendmail[name=x, dest=y]\nl = 2\n", "a", 3, "k"),
        ("[a]\nk = 1\n^Failed: <HOST>$\n", "a", 3, "k"),
        ("[a]\n[b\n", "a", 2, None),
        ("[a]\n[0-9]+ <HOST>\n", "a", 2, None),
        ("[a]\nk = 1\n= 2\n", "a", 3, "k"),
    ],
)
def test_lines_of_no_form_are_strays(text: str, section: str, line: int, above: str | None) -> None:
    (stray,) = parse(text.encode(), "x.conf").strays
    assert (stray.section, stray.line.origin.line) == (section, line)
    assert (stray.after.key if stray.after else None) == above


def test_what_is_indented_below_a_stray_is_no_part_of_another_value() -> None:
    file = parse(b"[a]\nk = 1\nstray(\n   l = 2\nm = 3\n", "x.conf")
    assert list(file.sections["a"].values) == ["k", "m"]
    assert len(file.strays) == 1


def test_a_file_that_is_not_utf8_is_read_with_a_warning() -> None:
    file = parse(b"[a]\nk = 1\nl = M\xfcller\n", "x.conf")
    assert joined(file.sections["a"].values["l"].lines) == "Müller"
    assert str(file.remarks[0].problem).startswith("x.conf:3: the file is not in UTF-8")


def test_files_that_cannot_be_read_are_remarks(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (large, fifo, loop, tmp_path / ("x" * 300)):
        assert read_file(path, "x.conf").remarks[0].problem.origin.path == "x.conf"
    assert "no regular file" in str(read_file(fifo, "x").remarks[0].problem)
    assert "larger than" in str(read_file(large, "x").remarks[0].problem)


def test_a_file_that_may_not_be_opened_is_a_remark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.conf"
    path.touch()

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the tests run as root, who may open anything
    problem = read_file(path, "x.conf").remarks[0].problem
    assert str(problem) == "x.conf:1: the file cannot be read: Permission denied"


def places(file: IniFile) -> list[int]:
    """Give the line numbers of all that was read."""
    found = [section.origin.line for section in file.sections.values()]
    for section in file.sections.values():
        for value in section.values.values():
            found += [value.origin.line, *(line.origin.line for line in value.lines)]
    found += [stray.line.origin.line for stray in file.strays]
    return found + [remark.problem.origin.line for remark in file.remarks]


FORMS = st.sampled_from(
    ["[a]", "[", "k = 1", " k: 2", "    x", "# c", "", "\t;", "é=\x00", "x ; y"]
)


@given(
    st.one_of(
        st.binary(), st.text().map(str.encode), st.lists(FORMS).map("\n".join).map(str.encode)
    )
)
@example(b"[a]\nk=1\n [b]\n")
def test_nothing_makes_the_reader_fail_and_everything_has_its_line(data: bytes) -> None:
    file = parse(data, "x.conf")
    lines = data.count(b"\n") + data.count(b"\r") + 1
    assert all(1 <= place <= lines for place in places(file))
