# SPDX-License-Identifier: MIT
"""Tests of filters: names, paths, parameters, rules, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logban.config import FilterReading, load_filter
from logban.config.problem import Severity

Write = Callable[[str, str], Path]


def expressions(reading: FilterReading) -> list[tuple[str, str, str, int]]:
    """Give the rules: name, kind, text, line."""
    assert reading.definition is not None, reading.problems
    return [
        (rule.name, rule.kind, rule.expression.text, rule.expression.origin.line)
        for rule in reading.definition.rules
    ]


def errors(reading: FilterReading) -> list[str]:
    """Give the errors; there is no definition if there is any."""
    found = [str(each) for each in reading.problems if each.severity is Severity.ERROR]
    assert (reading.definition is None) == bool(found)
    return found


def warnings(reading: FilterReading) -> list[str]:
    """Give the warnings."""
    return [str(each) for each in reading.problems if each.severity is Severity.WARNING]


def test_rules_are_numbered_or_named(write: Write) -> None:
    text = (
        "[rule acl]\nkind = acl\nfailregex = ^a <HOST>$\n  ^b %(tail)s$\n"
        "[Definition]\ntail = <what>\nwhat = <HOST>\nfailregex =\n  ^c <HOST>$\n\n  ^d <HOST>$\n"
        "[rule call-rejected]\nfailregex = ^e <what>$\n[rule off]\nfailregex =\n[rule none]\n"
    )
    reading = load_filter("x", write("filters.d/x.conf", text))
    assert expressions(reading) == [
        ("failregex-1", "", "^c <HOST>$", 9),
        ("failregex-2", "", "^d <HOST>$", 11),
        ("acl", "acl", "^a <HOST>$", 3),
        ("acl", "acl", "^b <HOST>$", 4),
        ("call-rejected", "", "^e <HOST>$", 13),
    ]
    assert reading.problems == ()


def test_all_parts_are_read(write: Write) -> None:
    text = (
        "[Definition]\nprefregex = ^p <HOST>: <F-CONTENT>.+</F-CONTENT>$\nfailregex = ^bad$\n"
        "ignoreregex = ^fine$\n  ^good$\ndatepattern = ^%%Y-%%m-%%d\n  {NONE}\n"
        "journalmatch = _A=b\n"
    )
    reading = load_filter("x", write("filters.d/x.conf", text))
    definition = reading.definition
    assert definition is not None, reading.problems
    assert definition.prefix is not None
    assert str(definition.prefix.origin) == "filters.d/x.conf:2"
    assert [each.text for each in definition.ignore] == ["^fine$", "^good$"]
    assert [each.text for each in definition.date_patterns] == ["^%Y-%m-%d", "{NONE}"]
    assert (definition.name, str(definition.origin)) == ("x", "filters.d/x.conf:1")


def test_parameters_win_over_init_and_that_over_definition(write: Write) -> None:
    text = (
        "[DEFAULT]\nd = 0\n[Init]\nmode = hard\ni = init\n"
        "[Definition]\nmode = soft\ni = definition\nre-hard = h\nre-soft = s\n"
        "failregex = ^<re-<mode>> <i> <d> <known/i> <default/d> <other/o> <no/o> <HOST>$\n"
        "[other]\no = %(d)s\n"
    )
    directory = write("filters.d/x.conf", text)
    assert expressions(load_filter("x", directory))[0][2] == ("^h init 0 init 0 0 <no/o> <HOST>$")
    assert expressions(load_filter("x[mode=soft, d=1]", directory))[0][2] == (
        "^s init 1 init 0 0 <no/o> <HOST>$"
    )


def test_known_is_what_a_local_displaced(write: Write) -> None:
    write("filters.d/x.conf", "[DEFAULT]\nd = 0\n[Definition]\np = 1\nfailregex = ^<p> <HOST>$\n")
    local = "[Definition]\np = <known/p>2\nfailregex = %(known/failregex)s\n  ^<known/d> <HOST>$\n"
    directory = write("filters.d/x.local", local)
    assert [each[2] for each in expressions(load_filter("x", directory))] == [
        "^12 <HOST>$",
        "^0 <HOST>$",
    ]


def test_a_path_outside_brings_its_includes_and_is_judged_mildly(
    write: Write, tmp_path: Path
) -> None:
    write("other/common.conf", "[DEFAULT]\n__p = ^p\n")
    includes = "[INCLUDES]\nbefore = common.conf\n"
    definition = "[Definition]\nfailregx = 1\nfailregex = %(__p)s <HOST>$\n"
    write("other/x.conf", includes + definition)
    directory = write("etc/logban.conf", "") / "etc"
    for name in (f"{tmp_path}/other/x.conf", f"{tmp_path}/other/x"):
        reading = load_filter(f"{name}[mode=hard]", directory)
        assert expressions(reading)[0][2] == "^p <HOST>$"
        (warning,) = warnings(reading)
        assert warning.startswith(f"{tmp_path}/other/x.conf:4: unknown key 'failregx'")


def test_the_prefix_decides_who_has_to_name_the_address(write: Write) -> None:
    text = "[Definition]\nprefregex = ^p: <F-CONTENT>.+</F-CONTENT>$\nfailregex = ^bad$\n"
    reading = load_filter("x", write("filters.d/x.conf", text))
    assert errors(reading) == [
        "filters.d/x.conf:3: failregex: names no address; put <HOST> where the line has it"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[Definition]\nfailregx = ^<HOST>$\n", ":2: unknown key 'failregx' in [Definition]; did"),
        ("[Defintion]\nfailregex = ^<HOST>$\n", ":1: unknown section [Defintion]; did you mean "),
        ("[definition]\nfailregex = ^<HOST>$\n", ":1: unknown section [definition]; did you mean "),
        ("[rules]\nfailregex = ^<HOST>$\n", ":1: unknown section [rules]; failregex stands in"),
        ("[Definition]\nfailregex = ^<HOST>$\nBlocked: <HOST>\n", ":3: unknown key 'blocked' in "),
        ("[Definition]\nfailregex = ^<HOST>$\n^x: <HOST>\n", ":3: '^x: <HOST>' looks like another"),
        ("[Definition]\nfailregex = ^<HOST>$\nx y z\n", ":3: 'x y z' looks like another regular"),
        ("[Definition]\ndatepattern = EPOCH\n%%Y\n", ":3: '%%Y' looks like another date pattern"),
        ("[Definition]\nfailregex = ^(<HOST>$\n", ":2: failregex: no regular expression"),
        ("[Definition]\nfailregex = ^x$\n", ":2: failregex: names no address"),
        ("[Definition]\nfailregex = %(no)s\n", ":2: nothing is called 'no'"),
        ("[Definition]\nfailregex = ^<HOST>$\nignoreregex = (\n", ":3: ignoreregex: no regular"),
        ("[Definition]\nfailregex = ^<HOST>$\nprefregex = a\n  b\n", ":4: prefregex is one"),
        ("[Definition]\nfailregex = ^<HOST>$\nmaxlines = no\n", ":3: maxlines: 'no': "),
        ("[Definition]\nfailregex = ^<HOST><SKIPLINES>x\n", ":2: failregex: <SKIPLINES> needs "),
        ("[Definition]\nfailregex = ^<HOST>$\nmaxlines = 2\n[json]\ntext = {a}\n", ":1: maxlines "),
        ("[Definition]\nfailregex = ^<HOST>$\ndatepattern = never\n", ":3: datepattern: "),
        ("[Definition]\nfailregex =\n", ":1: the filter 'x' has no failregex"),
        ("[rule a b]\nfailregex = ^<HOST>$\n", ":1: a rule's name is one word, and 'a b' is not"),
        ("[rule]\nfailregex = ^<HOST>$\n", ":1: a rule's name is one word, and '' is not"),
        ("[rule a]\nfailregex = ^<HOST>$\nkind = a b\n", ":3: kind: 'a b': it is to be a single"),
        ("[rule a]\nfailregex = ^<HOST>$\nknd = a\n", ":3: unknown key 'knd' in [rule a]; did you"),
        ("[rule a]\nfailregex = ^<HOST>$\nx = a\n", ":3: unknown key 'x' in [rule a]; a rule has"),
        ("[INCLUDES]\nbefore = common.conf\n", ":2: the included file 'common.conf' does not"),
        ("failregex = ^<HOST>$\n", ":1: 'failregex = ^<HOST>$' is neither [section], comment nor"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(write: Write, text: str, problem: str) -> None:
    found = errors(load_filter("x", write("filters.d/x.conf", text)))
    assert any(each.startswith(f"filters.d/x.conf{problem}") for each in found), found


def test_variables_need_no_use_and_are_told_of(write: Write) -> None:
    text = (
        "[Definition]\nfailregex = ^<HOST>$\n_own = 1\niso8601 = 1\nk?family=inet6 = 1\n"
        "mdre-a = 1\nmdre-b = <mdre-<mode>>\n[lt_x]\nx = 1\n[Init]\ny = 1\n"
    )
    reading = load_filter("x", write("filters.d/x.conf", text))
    assert errors(reading) == []
    assert warnings(reading) == [
        "filters.d/x.conf:4: unknown key 'iso8601' in [Definition]; nothing refers to it",
    ]


def test_parameters_that_mean_nothing(write: Write) -> None:
    directory = write("filters.d/x.conf", "[Definition]\nfailregex = ^<what> <HOST>$\n")
    assert errors(load_filter("x[what=a, logtype=file, mode=b]", directory)) == []
    assert errors(load_filter("x[faliregex=a]", directory)) == [
        "filters.d/x.conf:1: the filter 'x' has no parameter 'faliregex'; did you mean 'failregex'?"
    ]
    assert warnings(load_filter("x[colour=a]", directory)) == [
        "filters.d/x.conf:1: the filter 'x' has no parameter 'colour'; it has no effect"
    ]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (
            "asteriks",
            "command line: there is no filter 'asteriks'; did you mean 'asterisk'?",
        ),
        ("zzz", "command line: there is no filter 'zzz'; there is no {directory}/filters.d/zzz"),
        (
            "no/x.conf",
            "command line: there is no filter 'no/x.conf'; there is no file {here}/no/x.conf",
        ),
        ("", "command line: there is no filter ''"),
        ("/", "/:1: the file cannot be read: it is no regular file"),
        ("a\0b", "command line: there is no filter"),
        ("asterisk[x='1]", "filters.d/asterisk.conf:1: this quote is never closed"),
        ("asterisk[x=1] b", "filters.d/asterisk.conf:1: 'asterisk[x=1] b' is more than one"),
    ],
)
def test_filters_that_there_are_not(write: Write, wanted: str, problem: str) -> None:
    directory = write("filters.d/asterisk.conf", "[Definition]\nfailregex = ^<HOST>$\n")
    told = problem.format(directory=directory, here=Path.cwd())
    assert errors(load_filter(wanted, directory))[0].startswith(told)


def test_without_a_configuration_it_is_said_where_a_filter_was_looked_for(tmp_path: Path) -> None:
    (problem,) = errors(load_filter("asterisk", tmp_path / "none"))
    looked_for = f"{tmp_path}/none/filters.d/asterisk.conf"
    assert f"there is no {looked_for}; --config names another directory" in problem
