# SPDX-License-Identifier: MIT
"""Filters over several lines, of connections, and with names, from the log to the failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from logban.addresses import canonical_address
from logban.config import load_filter
from logban.matching.compiler import Reading
from logban.matching.definition import FilterDefinition
from logban.matching.matcher import Matcher
from logban.matching.named import MAX_NAMED
from logban.model import Block, Position

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC).timestamp()
AT_TEN = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
DOMINO = Path("/etc/fail2ban/filter.d/domino-smtp.conf")

MakeFilter = Callable[..., FilterDefinition]
MakeBlock = Callable[..., Block]


def matcher(definition: FilterDefinition, lines: int = 1, *, names: bool = False) -> Matcher:
    return Matcher(replace(definition, reading=Reading(names, lines)), zone=UTC, timeout=5.0)


def test_an_expression_over_two_lines(make_filter: MakeFilter, make_block: MakeBlock) -> None:
    two = matcher(make_filter("^ user .* failed\n from <HOST>$"), 2)
    text = (
        "Nov 20 10:00:00 user bob failed\nNov 20 10:00:01 from 198.51.100.7\n"
        "Nov 20 10:00:02 from 198.51.100.8\n"
    )
    (failure,) = two.match(make_block(text, offset=100), NOW)
    assert failure.address == "198.51.100.7"
    assert failure.time == AT_TEN + 1
    assert failure.line == "\n".join(text.split("\n")[:2])
    assert failure.offset == 100 + text.index("Nov 20 10:00:01")
    assert two.counters.lines == 3


def test_nothing_depends_on_where_blocks_end(
    make_filter: MakeFilter, make_block: MakeBlock
) -> None:
    definition = make_filter("^a <HOST><SKIPLINES>b$")
    text = "a 192.0.2.1\nx\nb\na 192.0.2.2\nb\nb\n"
    whole = matcher(definition, 5).match(make_block(text), NOW)
    by_lines = matcher(definition, 5)
    offset, found = 0, []
    for line in text.splitlines(keepends=True):
        found += by_lines.match(make_block(line, offset=offset), NOW)
        offset += len(line)
    assert found == whole
    assert [failure.address for failure in whole] == ["192.0.2.1", "192.0.2.2"]


def test_lines_that_were_passed_over_stay_and_those_of_a_match_go(
    make_filter: MakeFilter, make_block: MakeBlock
) -> None:
    interleaved = matcher(make_filter(r"^(?P<n>\d) from <HOST><SKIPLINES>(?P=n) failed$"), 4)
    text = "1 from 192.0.2.1\n2 from 192.0.2.2\n1 failed\n2 failed\n2 failed\n"
    found = interleaved.match(make_block(text), NOW)
    assert [failure.address for failure in found] == ["192.0.2.1", "192.0.2.2"]
    assert [failure.line for failure in found] == [
        "1 from 192.0.2.1\n1 failed",
        "2 from 192.0.2.2\n2 failed",
    ]
    far = matcher(make_filter("^from <HOST><SKIPLINES>failed$"), 3)
    assert far.match(make_block("from 192.0.2.1\nx\nx\nfailed\n"), NOW) == []


def test_sources_do_not_mix(make_filter: MakeFilter, make_block: MakeBlock) -> None:
    two = matcher(make_filter("^a <HOST>\nb$"), 2)
    assert two.match(make_block("a 192.0.2.1\n", source="/x"), NOW) == []
    assert two.match(make_block("b\n", source="/y"), NOW) == []
    assert len(two.match(make_block("b\n", offset=12, source="/x"), NOW)) == 1


def test_ignoreregex_sees_the_lines_of_the_match(
    make_filter: MakeFilter, make_block: MakeBlock
) -> None:
    two = matcher(make_filter("^a <HOST>\nb", ignore=["^b harmless$"]), 2)
    assert two.match(make_block("a 192.0.2.1\nb harmless\n"), NOW) == []
    assert two.counters.ignored == 1
    assert len(two.match(make_block("a 192.0.2.1\nb\n", offset=50), NOW)) == 1


def test_a_prefix_and_its_content_over_several_lines(
    make_filter: MakeFilter, make_block: MakeBlock
) -> None:
    two = matcher(make_filter("^a <HOST>$", prefix="^x\ny: <F-CONTENT>.+</F-CONTENT>$"), 3)
    (failure,) = two.match(make_block("x\ny: a 192.0.2.1\nx\n"), NOW)
    assert failure.line == "y: a 192.0.2.1"
    assert two.match(make_block("z\nz\nz\n", offset=50), NOW) == []


def test_a_line_that_takes_too_long_among_several_is_counted(
    make_filter: MakeFilter, make_block: MakeBlock
) -> None:
    definition = replace(make_filter(r"^(?:a|b|ab)*x<HOST>"), reading=Reading(lines=2))
    slow = Matcher(definition, zone=UTC, timeout=0.05)
    assert slow.match(make_block("ab" * 60 + "y x192.0.2.1\n"), NOW) == []
    assert slow.counters.timeouts == 1


def test_lines_of_a_connection(make_filter: MakeFilter, make_block: MakeBlock) -> None:
    sshd = matcher(
        make_filter(
            "^<F-NOFAIL>Connection</F-NOFAIL> from <HOST>",
            r"^Bad <F-USER>\S+</F-USER>$",
            prefix=r"^ <F-MLFID>sshd\[\d+\]</F-MLFID>: <F-CONTENT>.+</F-CONTENT>$",
        )
    )
    text = (
        "Nov 20 10:00:00 sshd[1]: Connection from 192.0.2.1\n"
        "Nov 20 10:00:00 sshd[2]: Connection from 192.0.2.2\n"
        "Nov 20 10:00:01 sshd[1]: Bad bob\n"
        "Nov 20 10:00:01 sshd[3]: Bad bob\n"
    )
    (failure,) = sshd.match(make_block(text), NOW)
    assert (failure.address, failure.time) == ("192.0.2.1", AT_TEN + 1)
    assert failure.fields == {"user": "bob", "mlfid": "sshd[1]"}
    assert failure.line == "\n".join(text.split("\n")[:3:2])
    assert sshd.match(make_block("Nov 20 10:00:01 sshd[2]: Bad bob\n", source="/y"), NOW) == []


def test_names_in_place_of_addresses(make_filter: MakeFilter, make_block: MakeBlock) -> None:
    definition = make_filter("^refused <HOST>$")
    block = make_block("refused a.example.org\nrefused 192.0.2.1\n")
    assert len(matcher(definition).match(block, NOW)) == 1
    both = matcher(definition, names=True)
    assert [failure.address for failure in both.match(block, NOW)] == ["192.0.2.1"]
    (named,) = both.take_named()
    assert named.host == "a.example.org"
    assert both.take_named() == []
    address = canonical_address("192.0.2.9")
    assert named.at(address).address == address
    assert named.at(address).line == named.line == "refused a.example.org"


def test_names_that_nobody_takes_do_not_fill_the_memory(
    make_filter: MakeFilter, make_block: MakeBlock
) -> None:
    named = matcher(make_filter("^refused <F-ID/>$"))
    named.match(make_block("refused x\n" * (MAX_NAMED + 5) + "refused 192.0.2.1\n"), NOW)
    assert len(named.take_named()) == MAX_NAMED
    assert named.counters.failures == 1, "an id that is an address is one"


def test_a_blank_behind_everything_and_what_a_capture_takes_of_it(
    make_filter: MakeFilter, make_block: MakeBlock
) -> None:
    single = matcher(make_filter(r"^refused <HOST> (?P<user>[^,]*)\s$"))
    (failure,) = single.match(make_block("refused 192.0.2.1 bob\n"), NOW)
    assert failure.fields["user"] == "bob"
    greedy = matcher(make_filter(r"^refused <HOST> (?P<user>[^,]*)"))
    (failure,) = greedy.match(make_block("refused 192.0.2.1 bob\n"), NOW)
    assert failure.fields["user"] == "bob"


def test_an_empty_capture_is_one(make_filter: MakeFilter, make_block: MakeBlock) -> None:
    single = matcher(make_filter("^refused '<F-USER>[^']*</F-USER>' from <HOST>$"))
    (failure,) = single.match(make_block("refused '' from 192.0.2.1\n"), NOW)
    assert failure.fields["user"] == ""


def test_a_line_made_to_stop_the_world_is_answered(make_block: MakeBlock) -> None:
    """One of fail2ban's expressions needs minutes for such a line of 167 bytes."""
    reading = load_filter(str(DOMINO), Path("/nowhere"))
    assert reading.definition is not None
    domino = Matcher(reading.definition, zone=UTC, timeout=1.0)
    about = "authentication failure using internet password"
    line = f"2026-11-20 10:00:00 smtp: {'1 ' * 47}{about}!"
    assert len(line) == 167
    begun = time.process_time()
    assert domino.match(make_block(f"{line}\n"), NOW) == []
    assert time.process_time() - begun < 1.5


@given(st.lists(st.sampled_from(["a 192.0.2.1", "a 192.0.2.2", "b", "x"]), max_size=12))
def test_any_lines_in_any_order(make_filter: MakeFilter, lines: list[str]) -> None:
    several = matcher(make_filter("^a <HOST><SKIPLINES>b$"), 4)
    data = "".join(f"{line}\n" for line in lines).encode()
    block = Block("x", data, 0, live=True, position=Position("x", 0, 0, 0, b"", 0))
    found = several.match(block, NOW)
    assert len(found) <= lines.count("b")
    assert all(failure.line.endswith("\nb") for failure in found)
