# SPDX-License-Identifier: MIT
"""What a line says, by the expressions of a filter: the reference's searches, one after the other.

Nothing here knows of blocks, nor of what other lines said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

import regex

from logban.matching.captures import join, read_encoded
from logban.matching.compiled import (
    CompiledRule,
    address_in,
    compile_quote,
    compile_rule,
    fields_of,
    host_in,
    is_proven,
)
from logban.matching.compiler import Compile
from logban.matching.counters import MatchCounters
from logban.matching.dates import date_reader
from logban.matching.definition import FilterDefinition
from logban.matching.json_text import JsonReader
from logban.matching.messages import Opened
from logban.matching.multiline import BufferedLine, LineBuffer, time_of
from logban.matching.named import MAX_NAMED, NamedFailure
from logban.matching.sessions import Sessions
from logban.model import Failure, Outcome, Success

# In fail2ban's dialect <F-NOFAIL> and <F-MLFGAINED> mark lines that say that nobody failed.
_NO_FAILURE: Final = frozenset({"nofail", "mlfgained"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands, when it is read, and the connections that its source tells of."""

    source: str
    offset: int
    now: float
    sessions: Sessions


@dataclass(slots=True)
class Text:
    """A line's text without its date, and what of it the rules see.

    ``content`` is None where the rules have nothing to see.
    """

    time: float | None
    line: str
    bare: str
    prefixed: regex.Match[str] | None
    content: str | None
    unpacked: bool


class LineReader:
    """Reads lines by one filter: when, and what they say of somebody.

    Whatever takes longer than ``timeout`` raises TimeoutError.
    """

    def __init__(
        self,
        definition: FilterDefinition,
        compiled: Compile,
        *,
        zone: tzinfo | None,
        timeout: float,
        encoding: str,
        dated: bool,
        are_known: bool,
    ) -> None:
        """``are_known`` says that the patterns of dates have been checked; see ``Matcher``."""
        self.counters = MatchCounters()
        self._timeout = timeout
        self._encoding = encoding
        patterns = tuple(expression.text for expression in definition.date_patterns)
        patterns = patterns if dated else ("{NONE}",)
        self.dates = date_reader(patterns, zone, timeout, are_known=are_known)
        how = definition.reading
        prefix = definition.prefix
        self._prefix = compiled(prefix.text, how) if prefix else None
        self._prefix_fields = fields_of(self._prefix) if self._prefix else ()
        self._ignore = [compiled(each.text, how) for each in definition.ignore]
        self.rules = [
            compile_rule(rule, compiled(rule.expression.text, how), self._prefix)
            for rule in definition.rules
        ]
        self.quotes = [compile_quote(quote, compiled) for quote in definition.quotes]
        self._json = JsonReader(definition.json, timeout, compiled) if definition.json else None
        self.named = 0
        """Failures of hosts without an address, also those that nobody took in time."""
        self._named: deque[NamedFailure] = deque(maxlen=MAX_NAMED)

    def take_named(self) -> list[NamedFailure]:
        """Give the failures of hosts without an address since this was last asked."""
        named = list(self._named)
        self._named.clear()
        return named

    def read(self, raw: bytes, now: float) -> Text:
        """Take a line apart; its content is None where the rules have nothing to see."""
        text = self.undated(raw, now)
        # Expressions see the line's end, as in fail2ban: some ask for a blank behind everything.
        text.prefixed, text.content = self._prefixed(text.bare + "\n")
        return text

    def undated(self, raw: bytes, now: float) -> Text:
        """Take the date out of a line."""
        line = raw.decode(self._encoding, "replace").removesuffix("\r")
        unpacked = self._json.read(line) if self._json is not None else None
        dated = self.dates.read(line if unpacked is None else unpacked, now)
        return Text(dated.time, line, dated.text, None, None, unpacked is not None)

    def _prefixed(self, text: str) -> tuple[regex.Match[str] | None, str | None]:
        """Give what prefregex finds, and what the rules see; that is None if it finds nothing."""
        if self._prefix is None:
            return None, text
        prefixed = self._prefix.search(text, timeout=self._timeout)
        if prefixed is None:
            return None, None
        if "content" in self._prefix.groupindex and prefixed["content"]:
            return prefixed, prefixed["content"] + "\n"
        return prefixed, text

    def judge(self, text: Text, numbers: Sequence[int], place: Place) -> Outcome | None:
        """Give what a line says of somebody, by some of the rules."""
        content = text.content
        if content is None:
            return None
        for number in numbers:
            if number >= len(self.rules):
                break
            rule = self.rules[number]
            found: regex.Match[str] | None = rule.pattern.search(content, timeout=self._timeout)
            if found is None:
                continue
            if any(ignore.search(content, timeout=self._timeout) for ignore in self._ignore):
                self.counters.ignored += 1
                return None
            return self._outcome(rule, found, text, place)
        return None

    def _outcome(
        self,
        rule: CompiledRule,
        found: regex.Match[str],
        text: Text,
        place: Place,
    ) -> Outcome | None:
        """Make an outcome of what a rule found; None if it says that there is none to report."""
        if "ambiguous" in rule.pattern.groupindex and found["ambiguous"]:
            self.counters.ambiguous += 1
            return None
        fields = self._fields(rule, found, text.prefixed)
        host, line = host_in(rule, found, text.prefixed), text.line
        if not rule.success and "mlfid" in fields:
            time = place.now if text.time is None else text.time
            merged = place.sessions.merge(fields["mlfid"], host, fields, line, time)
            if merged is None:
                return None
            host, fields, line = merged.host, merged.fields, "\n".join(merged.lines)
        elif any(map(fields.get, _NO_FAILURE)):
            return None
        where = (place.source, place.offset)
        if host.address is None:
            self.counters.unaddressed += 1
            if host.name is not None and not rule.success:
                named = (host.name, text.time, rule.name, fields, line, *where, rule.kind)
                self._named.append(NamedFailure(*named))
                self.named += 1
            return None
        if rule.success:
            return Success(host.address, text.time, rule.name, fields, line, *where)
        proven = is_proven(rule.proof, fields)
        return Failure(host.address, text.time, rule.name, fields, line, *where, rule.kind, proven)

    def _fields(
        self, rule: CompiledRule, found: regex.Match[str], prefixed: regex.Match[str] | None
    ) -> dict[str, str]:
        """Give what a rule and the prefix captured, by name."""
        values = found.group(0, 0, *rule.fields)
        fields = {
            name: value
            for name, value in zip(rule.fields, values[2:], strict=True)
            if value is not None
        }
        if prefixed is not None:
            for name in self._prefix_fields:
                if prefixed[name] is not None:
                    fields.setdefault(name, prefixed[name])
        if found.end() == len(found.string):
            fields = {name: value.removesuffix("\n") for name, value in fields.items()}
        if rule.encoded:
            read_encoded(fields, rule.encoded)
        if rule.joined:
            join(fields, rule.joined)
        return fields

    def thread(self, text: Text) -> str | None:
        """Give the thread that a line names; None if it names none."""
        if text.prefixed is None or "thread" not in text.prefixed.re.groupindex:
            return None
        thread: str | None = text.prefixed["thread"]
        return thread

    def quoted(
        self, text: Text, numbers: Sequence[int], ends: Sequence[int]
    ) -> tuple[tuple[Opened, ...], tuple[str, ...]]:
        """Say which messages of several lines a line may begin, and which it may end."""
        # A JSON string holds no line breaks: what is in it is one line.
        if text.unpacked or not (ends or (numbers and numbers[-1] >= len(self.rules))):
            return (), ()
        opened = []
        for number in numbers:
            if number >= len(self.rules):
                quote = self.quotes[number - len(self.rules)]
                found = quote.begin.search(text.bare, timeout=self._timeout)
                if found is not None:
                    address = address_in(quote, found)
                    opened.append(Opened(quote.quote, address, quote.wrapping(found)))
        candidates = (self.quotes[number] for number in ends)
        ended = tuple(
            each.quote.name
            for each in candidates
            if each.end is not None and each.end.search(text.bare, timeout=self._timeout)
        )
        return tuple(opened), ended

    def judge_lines(self, raw: bytes, buffer: LineBuffer, place: Place) -> Outcome | None:
        """Give what the last lines, this one with them, say of somebody, if they do."""
        line = raw.decode(self._encoding, "replace").removesuffix("\r")
        dated = self.dates.read(line, place.now)
        seen = buffer.add(BufferedLine(line, dated.text, dated.time))
        prefixed, content = self._prefixed(seen)
        if content is None:
            return None
        shift = prefixed.start("content") if prefixed is not None and content is not seen else 0
        for rule in self.rules:
            found: regex.Match[str] | None = rule.pattern.search(content, timeout=self._timeout)
            if found is None:
                continue
            lines = buffer.take(found, shift)
            matched = "".join(f"{each.text}\n" for each in lines)
            if any(ignore.search(matched, timeout=self._timeout) for ignore in self._ignore):
                self.counters.ignored += 1
                return None
            whole = "\n".join(each.line for each in lines)
            text = Text(time_of(lines), whole, matched, prefixed, content, unpacked=False)
            return self._outcome(rule, found, text, place)
        return None
