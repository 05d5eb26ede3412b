# SPDX-License-Identifier: MIT
"""fail2ban's keys for a program that says who is exempt."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.config.jails.ignoring import cache, command


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("/bin/x <ip>", ("/bin/x", "<ip>")),
        ("/bin/x --ip=<ip> '<family> <jail.name>' \"a b\"", (
            "/bin/x", "--ip=<ip>", "<family> <jail.name>", "a b",
        )),
    ],
)  # fmt: skip
def test_a_command_is_a_list_of_words(text: str, words: tuple[str, ...]) -> None:
    assert command(text) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x <ip>", "whole path"),
        ("/bin/x <ip> | grep 1", "no shell runs it"),
        ("/bin/x <ip> && exit 1", "no shell runs it"),
        ("/bin/x $HOME", "no shell runs it"),
        ("/bin/x `id`", "no shell runs it"),
        ("/bin/x > /tmp/y", "no shell runs it"),
        ("/bin/x <ip\n/bin/y", "no shell runs it"),
        ("/bin/x '<ip>", "quotes don't match"),
        ("/bin/x <matches>", "<matches> is not known here; there are <ip>, "),
        ("/bin/x <F-USER>", "<F-USER> is not known here"),
    ],
)
def test_what_is_not_to_be_run_as_it_stands_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        command(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ('key="<ip>", max-count=100, max-time=5m', 300),
        ("max-time=90", 90),
        ("key='<ip>'", 300),
        ('max-count = "10", max-time = "1h"', 3600),
    ],
)
def test_how_long_an_answer_holds(text: str, seconds: float) -> None:
    assert cache(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yes", "max-time=5m"),
        ("size=3", "max-time=5m"),
        ("max-time=5m max", "max-time=5m"),
        ('key="<F-USER>@<ip-host>"', 'write key="<ip>"'),
        ("max-count=all", "no whole number"),
        ("max-time=soon", "no span of time"),
    ],
)
def test_what_is_no_cache_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        cache(text)
    assert said in str(caught.value)


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    for read in (command, cache):
        with suppress(ValueError):
            read(text)
