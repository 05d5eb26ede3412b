# SPDX-License-Identifier: MIT
"""The ``kamailio-secfilter`` action for user agents, domains and countries.

A jail bans an address; what is put on secfilter's blacklist is what the log said of it besides.
The attacker chose that text himself, and secfilter blocks all that begins like it: what is short,
or what the white list knows, is not taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from logban.actions.kamailio.blacklist import Blacklist
from logban.actions.kamailio.lists import Entry, Kind
from logban.actions.kamailio.prefixes import is_hit
from logban.actions.kamailio.remarks import Remarks
from logban.actions.protocols import Missing, Particulars
from logban.clock import Clock
from logban.errors import ActionError
from logban.model import Ban, Subject
from logban.text import visible

CHECK_EVERY: Final = 2.0
SHORTEST: Final = 4
"""Characters of a user agent or a domain; fewer are how too many others begin."""

FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.UA: ("agent", "useragent", "ua"),
    Kind.DOMAIN: ("domain",),
    Kind.COUNTRY: ("country",),
}
"""The captures of a filter that name each."""

_WORDS: Final = {Kind.UA: "user agent", Kind.DOMAIN: "domain", Kind.COUNTRY: "country"}
_GRACE: Final = 5.0  # seconds in which an end is expected to be told of


class Traits:
    """Keeps what the bans of one jail have in common off, as long as one of them lasts."""

    check_every = CHECK_EVERY

    def __init__(self, jail: str, kind: Kind, blacklist: Blacklist, clock: Clock) -> None:
        self._owner = f"jail {jail}"
        self._kind = kind
        self._blacklist = blacklist
        self._clock = clock
        self._particulars: Particulars | None = None
        self._held: dict[Subject, tuple[Entry | None, float | None]] = {}
        self._recalled: list[Ban] = []
        self._refused = Remarks()

    @property
    def notice(self) -> str:
        """Name a ban that has nothing to put on the list."""
        first = next(iter(self._refused), None)
        if first is None:
            return ""
        who, why = first
        return f"{len(self._refused)} bans put no {_WORDS[self._kind]} on the list: {who} {why}"

    def inquire_of(self, particulars: Particulars) -> None:
        """Take the source of what the lines say."""
        self._particulars = particulars

    def recall(self, bans: Sequence[Ban]) -> None:
        """Note what an earlier run may have left: an entry of secfilter's has no end."""
        self._recalled += bans

    def prepare(self) -> None:
        """See that secfilter is there, and that the jail's filter says what is to be banned."""
        names = FIELDS[self._kind]
        if self._particulars is None or not any(map(self._particulars.captures, names)):
            raise ActionError(
                f"the jail's filter captures no {_WORDS[self._kind]}, so there is none to ban: "
                f"write <F-{names[0].upper()}>...</F-{names[0].upper()}> into its failregex, or "
                "keep such a list with logban-client kamailio or in lists.d"
            )
        self._blacklist.prepare(self._owner)

    def apply(self, bans: Sequence[Ban]) -> None:
        """Put on the blacklist what these are known by."""
        now = self._clock.now()
        for ban in bans:
            if ban.remaining(now) != 0:
                known, _ = self._held.get(ban.subject, (None, None))
                self._held[ban.subject] = (known or self._entry_of(ban), ban.until)
        asked = {each.subject for each in bans}
        put = [entry for who, (entry, _) in self._held.items() if entry and who in asked]
        self._blacklist.put(self._owner, put)

    def lift(self, bans: Sequence[Ban]) -> None:
        """Take off what no other ban of the jail needs."""
        self._release([ban.subject for ban in bans])

    def read(self) -> Mapping[Subject, float | None] | None:
        """Tell whose entry is there; None where secfilter's lists can't be read.

        A ban that put nothing there is as it should be.
        """
        now = self._clock.now()
        self._release(
            [who for who, (_, end) in self._held.items() if end is not None and end < now - _GRACE]
        )
        present = self._blacklist.read(self._owner)
        if present is None:
            return None
        return {
            who: end for who, (entry, end) in self._held.items() if not entry or entry in present
        }

    def check(self) -> None:
        """Do the reload that is due; Missing where Kamailio was restarted."""
        if not self._blacklist.check(self._owner):
            raise Missing("secfilter has lost its entries: Kamailio was restarted")
        if self._recalled:  # by now every jail has said what it wants
            entries = {entry for ban in self._recalled if (entry := self._entry_of(ban))}
            self._blacklist.take_earlier(self._owner, entries)
            self._recalled.clear()

    def pardon(self, subjects: Sequence[Subject]) -> None:
        """Delete what the script has put against these into the stock table."""
        self._blacklist.pardon(subjects)

    def close(self) -> None:
        """Let go of the sockets; the entries stay."""
        self._blacklist.close(self._owner)

    def _release(self, subjects: Sequence[Subject]) -> None:
        gone = {self._held.pop(who, (None, None))[0] for who in subjects}
        for who in subjects:
            self._refused.drop(str(who))
        gone -= {entry for entry, _ in self._held.values()}
        self._blacklist.take(self._owner, [entry for entry in gone if entry])

    def _entry_of(self, ban: Ban) -> Entry | None:
        """Give the entry that a ban puts on the list; None, and a remark, if there is none."""
        fields = self._particulars.fields(ban) if self._particulars is not None else {}
        text = next((fields[name] for name in FIELDS[self._kind] if fields.get(name)), "")
        why = self._objection(text)
        if why:
            self._refused.add(str(ban.subject), why)
            return None
        return Entry.parse(self._kind, text)

    def _objection(self, text: str) -> str:
        """Say why a text is not put on the list; "" if nothing speaks against it."""
        if not text.strip():
            return f"is known by no {_WORDS[self._kind]}"
        try:
            entry = Entry.parse(self._kind, text)
        except ValueError as error:
            return f"is known by what can't be an entry: {error}"
        shown = visible(entry.value, 60)
        if self._kind is not Kind.COUNTRY and len(entry.value) < SHORTEST:
            return f"calls itself {shown!r}, as too many others begin"
        for known in self._blacklist.whites(self._kind):
            if is_hit(entry.value, known) or is_hit(known, entry.value):
                return f"calls itself {shown!r}, which the white list knows ({visible(known, 60)})"
        return ""
