# SPDX-License-Identifier: MIT
"""The filters at work: each block is matched once for all the jails that read it alike.

Jails whose filters say the same, and whose lines are read in the same way, share a matcher, and
with it what it remembers of a log: a jail that joins later knows at once what the others know.
Where several matchers follow a log, one search tells which of them have work in a block.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from logban.config.settings import JailSettings
from logban.matching.definition import Expression, FilterDefinition
from logban.matching.engine.saved import ProgramStore
from logban.matching.first_look import FirstLook, Spans
from logban.matching.matcher import Matcher
from logban.matching.named import NamedFailure
from logban.matching.unmatched import Unmatched
from logban.model import Block, Origin, Outcome, Success
from logban.running.jail import Jail, matcher_of

log = logging.getLogger(__name__)

SAMPLE: Final = 64 * 1024
"""Bytes of a log by which it is chosen what to look for in it."""

SAMPLE_EVERY: Final = 256 * 1024 * 1024
"""Bytes after which that is chosen anew: logs change."""

ABOUT: Final = "not over in "
"""What a note in the database is about, before a source's path."""

_NOWHERE: Final = Origin("", 0)

_Way = tuple[FilterDefinition, str | None, str, float]


@dataclass(frozen=True, slots=True)
class Found:
    """What there is for a jail: outcomes, and failures of hosts by name."""

    jail: Jail
    outcomes: Sequence[Outcome]
    named: Sequence[NamedFailure] = ()


@dataclass(slots=True, eq=False)
class _Log:
    """A source with the jails that follow it, and the matchers that these have."""

    jails: Sequence[Jail]
    matchers: tuple[Matcher, ...]
    unmatched: Unmatched = field(default_factory=Unmatched)
    first_look: FirstLook | None = None
    sample: bytes = b""
    is_waiting: bool = False
    _seen: int = 0

    def lines(self, data: bytes, number: int) -> Sequence[Spans | None]:
        """Give the lines for each matcher; None where it has to look for itself."""
        if self.first_look is None:
            return [None] * len(self.matchers)
        return self.first_look.lines(data, number)

    def learn(self, data: bytes) -> None:
        """Take a sample now and then, if there are several to choose for."""
        if len(self.matchers) > 1 and len(self.sample) < SAMPLE:
            self.sample += data[: SAMPLE - len(self.sample)]
            self.is_waiting = len(self.sample) == SAMPLE
            return
        self._seen += len(data)
        if self._seen >= SAMPLE_EVERY:
            self._seen, self.sample = 0, b""


class Filters:
    """All matchers of a daemon, by what they match and how they read."""

    def __init__(
        self, following: Callable[[str], Sequence[Jail]], programs: ProgramStore | None = None
    ) -> None:
        """``following`` gives the jails that follow a source.

        ``programs`` is where the programs of engines are kept.
        """
        self._following = following
        self._programs = programs
        self._matchers: dict[_Way, Matcher] = {}
        self._users: dict[Matcher, int] = {}
        self._logs: dict[str, _Log] = {}
        self._unfit: set[Matcher] = set()
        self._noted: dict[tuple[str, str], str] = {}
        self._is_regrouped = True
        self._lacking = asyncio.Event()

    def join(self, settings: JailSettings, timeout: float) -> Matcher | None:
        """Give the matcher for a jail, who is one more user of it; None if the jail has none."""
        if settings.filter is None:
            return None
        way = (_meaning(settings.filter), settings.time_zone, settings.log_encoding, timeout)
        matcher = self._matchers.get(way)
        if matcher is None:
            matcher = matcher_of(settings, timeout, self._programs, is_hurried=True)
            self._matchers[way] = matcher
            self._lacking.set()
        self._users[matcher] = self._users.get(matcher, 0) + 1
        return matcher

    def leave(self, matcher: Matcher | None) -> None:
        """Have one user less of a matcher; nobody's is let go of."""
        if matcher is None:
            return
        self._users[matcher] -= 1
        if not self._users[matcher]:
            del self._users[matcher]
            self._unfit.discard(matcher)
            self._matchers = {way: each for way, each in self._matchers.items() if each != matcher}

    def regroup(self) -> None:
        """Take in that other jails follow the sources."""
        self._is_regrouped = False

    def take(self, block: Block, now: float) -> list[Found]:
        """Match a block for all jails that follow its source."""
        followed = self._known().get(block.source) or self._add(block.source)
        jails = followed.jails
        number = block.lines
        said: dict[Matcher, tuple[list[Outcome], list[NamedFailure]]] = {}
        lines = followed.lines(block.data, number)
        for matcher, those in zip(followed.matchers, lines, strict=True):
            if those is None or those or not matcher.skips(block, now):
                said[matcher] = self._match(matcher, block, those, now, jails)
        followed.learn(block.data)
        if followed.is_waiting:
            self._lacking.set()
        for jail in jails:
            jail.counters.lines += number
        return [
            Found(jail, *said[jail.matcher])
            for jail in jails
            if jail.matcher in said and any(said[jail.matcher])
        ]

    def look_over(self, block: Block, found: Iterable[Found], now: float) -> None:
        """Look for what no filter of a block's source knows; it has just been taken."""
        followed = self._logs[block.source]
        matched = {outcome.offset for each in found for outcome in each.outcomes}
        matched.update(*(matcher.unsaid for matcher in followed.matchers))
        followed.unmatched.look(block, matched, now)

    def release(self, now: float) -> list[Found]:
        """Give what had been held back and is believed now."""
        found = []
        logs = self._known()
        for matcher in self._users:
            if not matcher.is_open:
                continue
            outcomes = matcher.flush(now)
            counters = matcher.take_counters()
            for jail in _jails_of(matcher, logs.values()):
                own = [each for each in outcomes if jail in logs[each.source].jails]
                successes = sum(isinstance(outcome, Success) for outcome in own)
                jail.counters.add(
                    replace(counters, successes=successes, failures=len(own) - successes)
                )
                if own:
                    found.append(Found(jail, own))
        return found

    def take_notes(self) -> dict[tuple[str, str], str | None]:
        """Give what is not over in the logs and has changed since this was last asked, for a jail.

        A matcher of several jails is written down for the first of them; None: it is over.
        """
        now = {
            (_users_of(matcher, followed)[0].name, ABOUT + source): text
            for source, followed in self._known().items()
            for matcher in followed.matchers
            if (text := matcher.keep(source))
        }
        before, self._noted = self._noted, now
        changed = {key: text for key, text in now.items() if before.get(key) != text}
        return changed | dict.fromkeys(before.keys() - now.keys())

    def take_up(self, notes: Mapping[tuple[str, str], str], now: float) -> None:
        """Go on where an earlier process was in the midst of something."""
        for (name, about), text in notes.items():
            if not about.startswith(ABOUT):
                continue
            self._noted[name, about] = text  # so that it is taken back when it is over
            source = about.removeprefix(ABOUT)
            for jail in self._following(source):
                if jail.name == name and jail.matcher is not None:
                    if source not in self._logs:
                        self._add(source)
                    try:
                        jail.matcher.take_up(source, text, now)
                    except ValueError as error:
                        log.warning("[%s] what was held back of %r: %s", name, source, error)

    def unmatched(self, jail: Jail) -> Unmatched:
        """Give what no rule knows of the lines of a jail's logs."""
        logs = self._known().values()
        return Unmatched.of_all(each.unmatched for each in logs if jail in each.jails)

    async def run(self) -> None:
        """Make what takes a while, beside the loop: engines, and first looks."""
        while True:
            self._lacking.clear()
            await self.prepare()
            await self._lacking.wait()

    async def prepare(self) -> None:
        """Make all that is lacking now."""
        for matcher in list(self._users):
            if matcher.has_engine is None and matcher not in self._unfit:
                self._unfit.add(matcher)  # should it fail, the others get theirs all the same
                await asyncio.to_thread(_make_engine, matcher)
                self._unfit.discard(matcher)
        for followed in list(self._logs.values()):
            if followed.is_waiting:
                followed.is_waiting = False
                followed.first_look = await asyncio.to_thread(
                    FirstLook, followed.matchers, followed.sample
                )

    def _match(
        self, matcher: Matcher, block: Block, lines: Spans | None, now: float, jails: Iterable[Jail]
    ) -> tuple[list[Outcome], list[NamedFailure]]:
        """Give what a matcher finds; no text that anybody sends may stop the others."""
        outcomes: list[Outcome] = []
        try:
            outcomes = matcher.match(block, now, lines)
        except Exception:
            names = ", ".join(jail.name for jail in jails if jail.matcher is matcher)
            log.exception("[%s] a block of %r at %d is lost", names, block.source, block.offset)
        counters = replace(matcher.take_counters(), lines=0)
        for jail in jails:
            if jail.matcher is matcher:
                jail.counters.add(counters)
        return outcomes, matcher.take_named()

    def _known(self) -> dict[str, _Log]:
        """Give all sources that have been read, with the jails that follow them now."""
        if not self._is_regrouped:
            self._is_regrouped = True
            before, self._logs = self._logs, {}
            for source, followed in before.items():
                if self._following(source):
                    self._add(source, followed)
        return self._logs

    def _add(self, source: str, before: _Log | None = None) -> _Log:
        jails = self._following(source)
        matchers = tuple(dict.fromkeys(jail.matcher for jail in jails if jail.matcher is not None))
        if before is None or before.matchers != matchers:
            # What was unknown to other filters says nothing of these.
            before = _Log(jails, matchers)
        before.jails = jails
        self._logs[source] = before
        return before


def _jails_of(matcher: Matcher, logs: Iterable[_Log]) -> list[Jail]:
    jails = (jail for each in logs for jail in each.jails)
    return [jail for jail in dict.fromkeys(jails) if jail.matcher is matcher]


def _users_of(matcher: Matcher, followed: _Log) -> list[Jail]:
    """Give the jails that read a log by a matcher, by name."""
    users = [jail for jail in followed.jails if jail.matcher is matcher]
    return sorted(users, key=lambda jail: jail.name)


def _make_engine(matcher: Matcher) -> None:
    """Have a matcher make its engine, or find out why there is none."""
    _ = matcher.engine


def _meaning(definition: FilterDefinition) -> FilterDefinition:
    """Give a filter without its name, and without where its parts were written."""

    def bare(expression: Expression) -> Expression:
        return replace(expression, origin=_NOWHERE)

    json = definition.json
    return replace(
        definition,
        name="",
        origin=_NOWHERE,
        rules=tuple(
            replace(rule, expression=bare(rule.expression)) for rule in definition.rules
        ),
        ignore=tuple(map(bare, definition.ignore)),
        prefix=bare(definition.prefix) if definition.prefix else None,
        date_patterns=tuple(map(bare, definition.date_patterns)),
        quotes=tuple(
            replace(quote, begin=bare(quote.begin), end=bare(quote.end) if quote.end else None)
            for quote in definition.quotes
        ),
        json=replace(json, begin=bare(json.begin)) if json and json.begin else json,
        attempt=(),
    )  # fmt: skip
