# SPDX-License-Identifier: MIT
"""Jails that read alike share a matcher, and each is told what its own would have found."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from logban.config import load
from logban.config.settings import JailSettings, LogPath, UseDns
from logban.matching.compiler import Reading
from logban.matching.counters import MatchCounters
from logban.matching.definition import Expression, FilterDefinition, Quote, Rule
from logban.matching.engine.saved import ProgramStore
from logban.matching.matcher import Matcher
from logban.model import Block, Origin, Outcome, Position
from logban.running import filters
from logban.running.filters import Filters, Found
from logban.running.jail import Jail, matcher_of

NOW = 1_795_168_800.0
HERE = Origin("", 1)
LOG, OTHER = "/log", "/other"
QUIET = "2026-11-20 10:00:00 nothing happened to 192.0.2.1\n"


def definition(word: str, line: int = 1, name: str = "f") -> FilterDefinition:
    """Give a filter that knows a word."""
    here = Origin("filters.d/f.conf", line)
    rules = (Rule("r", Expression(f"^ {word} failed for <HOST>$", here)),)
    return FilterDefinition(name, here, rules, reading=Reading(names=True))


def quoting(word: str) -> FilterDefinition:
    """Give a filter that knows messages, too, which may hold lines of a peer's."""
    begin = Expression(f"^ {word} dumps <HOST>:$", HERE)
    end = Expression(f"^ {word} is done$", HERE)
    return replace(definition(word), quotes=(Quote("q", begin, end, 400),))


def line(word: str, last: int = 7) -> str:
    return f"2026-11-20 10:00:00 {word} failed for 198.51.100.{last}\n"


class Bench:
    """Jails over logs, as the daemon has them."""

    def __init__(self, programs: ProgramStore | None = None) -> None:
        self.jails: list[Jail] = []
        self.filters = Filters(self._following, programs)
        self.offset: dict[str, int] = {}

    def jail(self, name: str, filter_: FilterDefinition, *logs: str, **more: object) -> Jail:
        paths = tuple(map(LogPath, logs or (LOG,)))
        settings = JailSettings(
            name, HERE, filter_, paths, maxretry=1, time_zone="UTC", max_matches=3
        )
        settings = replace(settings, **more)  # type: ignore[arg-type]  # a test says what
        jail = Jail(
            settings,
            matcher=self.filters.join(settings, 0.1),
            exempt=lambda _: None,
            floors={},
            max_tracked=100,
        )
        self.jails.append(jail)
        self.filters.regroup()
        return jail

    def drop(self, jail: Jail) -> None:
        self.jails.remove(jail)
        self.filters.leave(jail.matcher)
        self.filters.regroup()

    def block(self, text: str, source: str = LOG) -> Block:
        offset = self.offset.get(source, 0)
        data = text.encode()
        self.offset[source] = offset + len(data)
        return Block(source, data, offset, True, Position(source, 1, 1, len(data), b"", 0))

    def take(self, text: str, source: str = LOG) -> dict[str, list[Outcome]]:
        block = self.block(text, source)
        found = self.filters.take(block, NOW)
        self.filters.look_over(block, found, NOW)
        return by_jail(found)

    def _following(self, source: str) -> Sequence[Jail]:
        return tuple(
            jail
            for jail in self.jails
            if any(path.pattern == source for path in jail.settings.log_paths)
        )


def by_jail(found: Sequence[Found]) -> dict[str, list[Outcome]]:
    return {each.jail.name: list(each.outcomes) for each in found}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_jails_that_read_alike_share_a_matcher(bench: Bench) -> None:
    one = bench.jail("one", definition("door"))
    same = bench.jail("same", definition("door", line=40, name="copy"), maxretry=9)
    others = [
        bench.jail("filter", definition("gate")),
        bench.jail("zone", definition("door"), time_zone="UTC+0200"),
        bench.jail("encoding", definition("door"), log_encoding="latin-1"),
    ]
    assert one.matcher is same.matcher
    assert len({id(jail.matcher) for jail in (one, *others)}) == 4


def test_a_block_is_matched_once_for_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    jails = [bench.jail(str(number), definition("door")) for number in range(9)]
    matcher = jails[0].matcher
    assert matcher is not None
    calls = []
    match = matcher.match
    monkeypatch.setattr(matcher, "match", lambda *given: calls.append(1) or match(*given))
    found = bench.take(line("door") + QUIET)
    assert len(calls) == 1
    assert list(found) == [jail.name for jail in jails]
    assert all(outcomes == found["0"] for outcomes in found.values())


def test_everybody_is_told_what_a_matcher_of_its_own_finds(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "SAMPLE", 200)
    bench = Bench(ProgramStore(tmp_path))
    words = ["door", "gate", "door", "wall", "roof", "gate"]
    jails = [
        bench.jail(
            f"{number}",
            (quoting if number > 2 else definition)(word),
            *((LOG, OTHER) if number % 2 else (LOG,)),
        )
        for number, word in enumerate(words)
    ]
    alone = {jail: matcher_of(jail.settings, 0.1) for jail in jails}
    for number in range(40):
        source = OTHER if number % 3 == 0 else LOG
        text = QUIET * (number % 7 * 3) + line(words[number % 6], number) * (number % 5 != 0)
        if number % 4 == 1:  # a message that holds what a peer makes look like a line
            word = words[3 + number % 3]
            text += f"2026-11-20 10:00:00 {word} dumps 203.0.113.9:\n" + line(word, 99)
        found = bench.take(text, source)
        bench.offset[source] -= len(text)
        block = bench.block(text, source)
        for jail, matcher in alone.items():
            follows = any(path.pattern == source for path in jail.settings.log_paths)
            expected = matcher.match(block, NOW) if follows else []
            assert found.get(jail.name, []) == expected
        asyncio.run(bench.filters.prepare())
    late = NOW + 60
    released = by_jail(bench.filters.release(late))
    for jail, matcher in alone.items():
        assert released.get(jail.name, []) == matcher.flush(late)
        assert jail.counters == matcher.counters
    assert any(released.values())
    assert any(jail.counters.failures for jail in jails)


def test_engines_are_made_beside_the_loop(tmp_path: Path) -> None:
    bench = Bench(ProgramStore(tmp_path))
    jail = bench.jail("one", definition("door"))
    assert jail.matcher is not None
    bench.take(QUIET * 5000)
    assert jail.matcher.has_engine is None
    asyncio.run(bench.filters.prepare())
    assert jail.matcher.has_engine is True
    assert list(tmp_path.iterdir())


def test_an_engine_that_can_not_be_made_keeps_no_other_from_being_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = bench.jail("bad", definition("door")), bench.jail("good", definition("gate"))

    def make(matcher: Matcher) -> None:
        if matcher is bad.matcher:
            raise ZeroDivisionError
        _ = matcher.engine

    monkeypatch.setattr(filters, "_make_engine", make)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(bench.filters.prepare())
    asyncio.run(bench.filters.prepare())
    assert good.matcher is not None
    assert good.matcher.has_engine
    assert list(bench.take(line("door"))) == ["bad"]


def test_a_matcher_nobody_uses_is_let_go_of(bench: Bench) -> None:
    one, two = bench.jail("one", definition("door")), bench.jail("two", definition("door"))
    bench.take(line("door"))
    bench.drop(one)
    assert list(bench.take(line("door"))) == ["two"]
    again = bench.jail("one", definition("door"))
    assert again.matcher is two.matcher
    bench.drop(two)
    bench.drop(again)
    assert bench.take(line("door")) == {}
    assert bench.jail("new", definition("door")).matcher is not two.matcher


def test_what_is_held_back_goes_to_whoever_follows_the_log_by_then(bench: Bench) -> None:
    one = bench.jail("one", quoting("door"))
    bench.jail("two", quoting("door"))
    held = "2026-11-20 10:00:00 door dumps 203.0.113.9:\n" + line("door", 8)
    assert bench.take(held) == {}
    bench.drop(one)
    three = bench.jail("three", quoting("door"))
    elsewhere = bench.jail("elsewhere", quoting("door"), OTHER)
    released = by_jail(bench.filters.release(NOW + 60))
    assert list(released) == ["two", "three"]
    assert [jail.counters.failures for jail in (one, three, elsewhere)] == [0, 1, 0]


def test_hosts_by_name_go_to_every_jail(bench: Bench) -> None:
    bench.jail("one", definition("door"), use_dns=UseDns.YES)
    bench.jail("two", definition("door"), use_dns=UseDns.NO)
    block = bench.block("2026-11-20 10:00:00 door failed for bad.example.net\n")
    found = bench.filters.take(block, NOW)
    assert [[named.host for named in each.named] for each in found] == [["bad.example.net"]] * 2
    assert bench.take(QUIET) == {}


def test_what_no_filter_of_a_log_knows(bench: Bench) -> None:
    one, two = bench.jail("one", definition("door")), bench.jail("two", definition("gate"))
    other = bench.jail("three", definition("gate"), OTHER)
    bench.take(line("door") + line("gate") + line("wall"))
    assert [bench.filters.unmatched(jail).count for jail in (one, two, other)] == [1, 1, 0]
    (sample,) = bench.filters.unmatched(one).samples
    assert "wall failed" in sample.line
    bench.take(line("door"), OTHER)
    assert bench.filters.unmatched(other).count == 1
    # A filter that is new may know what the others did not.
    bench.jail("four", definition("wall"))
    assert bench.filters.unmatched(one).count == 0


def test_what_a_rule_knows_and_nobody_believes_yet_is_not_unknown(bench: Bench) -> None:
    held = bench.jail("held", quoting("door"))
    rumour = Rule("rumour", Expression("^ door refused <HOST>$", HERE), hearsay=True)
    told = bench.jail(
        "told", replace(definition("gate"), rules=(*definition("gate").rules, rumour)), OTHER
    )
    dump = "2026-11-20 10:00:00 door dumps 198.51.100.7:\n"
    # The second line may be the first one's peer's; it is not believed before the message is over.
    said = bench.take(dump + line("door", 9))
    assert said.get("held", []) == []
    assert bench.take("2026-11-20 10:00:00 door refused 198.51.100.7\n", OTHER) == {}
    assert [bench.filters.unmatched(jail).count for jail in (held, told)] == [0, 0]
    # At the same place of the other file is what no rule knows.
    bench.take(line("window", 9) * 3, OTHER)
    assert [bench.filters.unmatched(jail).count for jail in (held, told)] == [0, 3]


@pytest.mark.parametrize("has_engine", [False, True])
def test_an_attack_that_the_shipped_filter_knows_is_not_unknown(
    bench: Bench, has_engine: bool
) -> None:
    root = Path(__file__).parent.parent.parent
    shipped = load(root).jails["asterisk"].filter
    assert shipped is not None
    jail = bench.jail("pbx", shipped)
    if has_engine:
        asyncio.run(bench.filters.prepare())
    with gzip.open(root / "tests/corpus/asterisk22-pjsip-mixed.full.log.gz", "rt") as log:
        lines = log.readlines()
    # In small pieces: what is held back is believed in a later one.
    for begin in range(0, len(lines), 20):
        block = bench.block("".join(lines[begin : begin + 20]))
        found = bench.filters.take(block, NOW + begin)
        bench.filters.look_over(block, found, NOW + begin)  # in a second it looks at so much only
    samples = bench.filters.unmatched(jail).samples
    assert ["unable to authenticate" in each.line for each in samples] == [True]
    assert samples[0].count == 10


def test_counts_are_of_each_jails_own_lines(bench: Bench) -> None:
    one = bench.jail("one", definition("door"))
    two = bench.jail("two", definition("door"), LOG, OTHER)
    bench.take(line("door") + QUIET)
    bench.take(line("door") * 2, OTHER)
    assert one.counters == MatchCounters(lines=2, failures=1)
    assert two.counters == MatchCounters(lines=4, failures=3)
