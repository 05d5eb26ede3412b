# SPDX-License-Identifier: MIT
"""Tests of the order in which files are laid over one another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logban.config.files import layers
from logban.config.files.layers import Tree, read_tree, with_locals
from logban.config.files.text import Value, joined

Write = Callable[[str, str], Path]


def tree_of(directory: Path, name: str = "x.conf") -> Tree:
    """Read a file of a directory with all that belongs to it."""
    return read_tree(with_locals(directory / name), lambda path: str(path.relative_to(directory)))


def problems(tree: Tree) -> list[str]:
    """Give what the reading brought up."""
    return [str(remark.problem) for _, remark in tree.remarks()]


def history(value: Value | None) -> list[str]:
    """Give a value and those that it displaced, the last one first."""
    found = []
    while value is not None:
        found.append(joined(value.lines))
        value = value.previous
    return found


def test_includes_come_before_and_after_and_each_brings_its_local(write: Write) -> None:
    order = ["before.conf", "before.local", "x.conf", "after.conf", "x.local"]
    for name in order:
        write(name, f"[a]\nk = {name}\n[only {name}]\n")
    write("x.conf", "[INCLUDES]\nbefore = before.conf\nafter = after.conf\n[a]\nk = x.conf\n")
    tree = tree_of(write("other", ""))
    assert history(tree.sections["a"].values["k"]) == order[::-1]
    assert [layer.file.path for layer in tree.layers] == order
    assert {layer.root for layer in tree.layers} == {"x.conf", "x.local"}
    assert tree.origin.path == "x.conf"


def test_an_include_is_relative_to_its_file_and_followed_into_the_depth(write: Write) -> None:
    write("x.conf", "[INCLUDES]\nbefore = sub/one.conf\n  %(more)s\n[DEFAULT]\nmore = sub/t.conf\n")
    write("sub/one.conf", "[INCLUDES]\nbefore = two.conf\n[a]\nk = 1\n")
    write("sub/two.conf", "[a]\nk = 2\n[DEFAULT]\nd = 1\n")
    tree = tree_of(write("sub/t.conf", "[a]\nk = t\n"))
    assert history(tree.sections["a"].values["k"]) == ["t", "1", "2"]
    assert str(tree.sections["a"].values["k"].origin) == "sub/t.conf:2"
    assert joined(tree.defaults.values["d"].lines) == "1"


def test_an_include_that_is_missing_is_an_error_unless_it_is_a_local(write: Write) -> None:
    text = "[INCLUDES]\nbefore = comon.conf\nafter = x-common.local\n[a]\nk = 1\n"
    write("x.conf", text)
    tree = tree_of(write("common.conf", ""))
    assert problems(tree) == [
        "x.conf:2: the included file 'comon.conf' does not exist; did you mean 'common.conf'?"
    ]
    assert history(tree.sections["a"].values["k"]) == ["1"]


def test_a_missing_include_in_a_missing_directory(write: Write) -> None:
    tree = tree_of(write("x.conf", "[INCLUDES]\nbefore = no/y.conf\n"))
    assert "it is looked for as" in problems(tree)[0]


def test_a_local_stands_in_for_an_include_that_is_missing(write: Write) -> None:
    write("x.conf", "[INCLUDES]\nbefore = y.conf\n")
    tree = tree_of(write("y.local", "[a]\nk = 1\n"))
    assert problems(tree) == []
    assert history(tree.sections["a"].values["k"]) == ["1"]


def test_files_that_include_each_other_are_read_once_and_told_of(write: Write) -> None:
    write("x.conf", "[INCLUDES]\nbefore = y.conf\n  x.conf\n[a]\nk = x\n")
    tree = tree_of(write("y.conf", "[INCLUDES]\nafter = ./x.conf\n[a]\nk = y\n"))
    assert history(tree.sections["a"].values["k"]) == ["x", "y"]
    assert problems(tree) == [
        "y.conf:2: './x.conf' includes itself and is left out here",
        "x.conf:3: 'x.conf' includes itself and is left out here",
    ]


def test_includes_that_multiply_are_stopped(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "MAX_FILES", 50)
    for number in range(10):
        twice = f"f{number + 1}.conf\n  f{number + 1}.conf"
        write(f"f{number}.conf", f"[INCLUDES]\nbefore = {twice}\n[a]\nk = 1\n")
    tree = tree_of(write("f10.conf", "[a]\nk = 1\n"), "f0.conf")
    assert len(tree.layers) <= 60
    assert any("more than 50 files" in problem for problem in problems(tree))


def test_keys_of_includes_that_mean_nothing(write: Write) -> None:
    tree = tree_of(write("x.conf", "[INCLUDES]\nbefor = y.conf\nbefore = %(no)s\nq = 1\n"))
    assert problems(tree) == [
        "x.conf:2: unknown key 'befor'; did you mean 'before'?",
        "x.conf:4: unknown key 'q'; [INCLUDES] has before and after",
        "x.conf:3: nothing is called 'no', to which 'before' refers",
    ]


def test_conditional_sections_become_keys_with_a_condition(write: Write) -> None:
    tree = tree_of(write("x.conf", "[Init]\nk = 1\n[Init?family=inet6]\nk = 2\n"))
    assert sorted(tree.sections["Init"].values) == ["k", "k?family=inet6"]


def test_a_name_too_long_for_a_file_is_one_that_does_not_exist(write: Write) -> None:
    tree = tree_of(write("x.conf", f"[INCLUDES]\nbefore = {'y' * 300}.conf\n"))
    assert "does not exist" in problems(tree)[0]
