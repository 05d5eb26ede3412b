# SPDX-License-Identifier: MIT
"""What else the lines behind a ban say of who was banned: they are read once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from logban.config.settings import JailSettings
from logban.matching.matcher import Matcher
from logban.model import Ban, Block, Evidence, Failure, Position
from logban.zones import parse_zone

_NOWHERE: Final = Position("", 0, 0, 0, b"", 0)


class BanParticulars:
    """Reads the lines behind the bans of one jail; for one thread."""

    def __init__(
        self,
        settings: JailSettings,
        timeout: float,
        evidence: Callable[[Ban], Sequence[Evidence]],
    ) -> None:
        """``evidence`` gives the lines of a ban that has them no more; it blocks."""
        self._settings = settings
        self._timeout = timeout
        self._evidence = evidence
        self._matcher: Matcher | None = None

    def captures(self, name: str) -> bool:
        """Tell whether the jail's filter has a rule that captures something under this name."""
        definition = self._settings.filter
        group = name.upper()
        marks = (f"<F-{group}>", f"<F-{group}_HEX>", f"(?P<{name}>", f"(?P<{name}_hex>")
        return definition is not None and any(
            mark in rule.expression.text
            for rule in definition.rules
            for mark in marks
            if not rule.success
        )

    def fields(self, ban: Ban) -> Mapping[str, str]:
        """Give what the newest line says that can be read; nothing if none can."""
        for each in reversed(ban.evidence or self._evidence(ban)):
            found = self._read(each)
            if found is not None:
                return found.fields
        return {}

    def _read(self, evidence: Evidence) -> Failure | None:
        settings = self._settings
        if settings.filter is None:
            return None
        if self._matcher is None:
            zone = parse_zone(settings.time_zone) if settings.time_zone else None
            self._matcher = Matcher(settings.filter, zone=zone, timeout=self._timeout)
        data = evidence.line.encode("utf-8", "surrogateescape") + b"\n"
        block = Block(evidence.source, data, 0, live=False, position=_NOWHERE)
        outcomes = [*self._matcher.match(block, evidence.time), *self._matcher.flush()]
        found = (outcome for outcome in outcomes if isinstance(outcome, Failure))
        return next(found, None)
