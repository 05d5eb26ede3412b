# SPDX-License-Identifier: MIT
"""Subjects, entries and spans as they are typed."""

from __future__ import annotations

import shlex

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.client.subject import parse_entry, parse_subject, span_callback, typed
from logban.model import Subject, SubjectKind


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("198.51.100.7", Subject(SubjectKind.IP, "198.51.100.7")),
        ("::ffff:198.51.100.7", Subject(SubjectKind.IP, "198.51.100.7")),
        ("2001:DB8::7", Subject(SubjectKind.IP, "2001:db8::7")),
        ("2001:db8::7/64", Subject(SubjectKind.NET, "2001:db8::/64")),
        ("198.51.100.9/24", Subject(SubjectKind.NET, "198.51.100.0/24")),
        ("198.51.100.9/32", Subject(SubjectKind.IP, "198.51.100.9")),
        ("6003@198.51.100.7", Subject(SubjectKind.USER_IP, "198.51.100.7", "6003")),
        ("a@b@198.51.100.7", Subject(SubjectKind.USER_IP, "198.51.100.7", "a@b")),
        ("user:6003", Subject(SubjectKind.USER, user="6003")),
        ("user:a@198.51.100.7", Subject(SubjectKind.USER, user="a@198.51.100.7")),
    ],
)
def test_a_subject_is_read(text, subject):
    assert parse_subject(text) == subject


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6003",
        "300.1.1.1",
        "198.51.100",
        "@198.51.100.7",
        "6003@example.net",
        "user:",
        "fe80::1%eth0",
    ],
)
def test_what_is_no_subject_is_told(text):
    with pytest.raises(ValueError, match="is no address and no network"):
        parse_subject(text)


addresses = st.ip_addresses().map(str)
subjects = st.one_of(
    addresses.map(parse_subject),
    st.text(min_size=1).map(lambda user: Subject(SubjectKind.USER, user=user)),
    st.tuples(st.text(min_size=1), addresses).map(
        lambda pair: Subject(SubjectKind.USER_IP, parse_subject(pair[1]).network, pair[0])
    ),
)


@given(subjects)
def test_what_is_shown_is_one_harmless_word_of_a_shell(subject):
    word = typed(subject)
    assert word.isprintable()
    (read,) = shlex.split(word)
    clear = str(subject).isprintable() and not subject.user.startswith("user:")
    if clear:
        assert parse_subject(read) == subject


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("198.51.100.9/24", "198.51.100.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("Office.Example.NET", "office.example.net"),
        ("office.example.net.", "office.example.net"),
        ("localhost", "localhost"),
        ("my_pbx.example", "my_pbx.example"),
    ],
)
def test_an_entry_is_read(text, entry):
    assert parse_entry(text) == entry


@pytest.mark.parametrize(
    "text",
    [
        "",
        "198.51.100.300",
        "198.51.100.7/33",
        "-x.example",
        "a..b",
        "a b",
        "x" * 64,
        "a." * 150,
        "é.fr",
    ],
)
def test_what_is_no_entry_is_told(text):
    with pytest.raises(ValueError, match="is no address, no network and no name"):
        parse_entry(text)


def span(text):
    context = click.Context(click.Command("x"))
    return span_callback(context, click.Option(["--for"]), text)


def test_a_span_is_read():
    assert span("1h") == 3600.0
    assert span("90") == 90.0
    assert span("forever") == "forever"
    assert span(None) is None


@pytest.mark.parametrize("text", ["", "-1", "soon", "0", "0s", "ever"])
def test_what_is_no_span_is_told(text):
    with pytest.raises(click.BadParameter):
        span(text)
