# SPDX-License-Identifier: MIT
"""What has to be remembered of the lines of one source, also as text that outlasts the process.

A failure that is held back is not counted yet, and is not read again either, for the file's
position is behind it.  So it is kept with the position, and with it all that decides on it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final, cast

from logban.matching.definition import Quote
from logban.matching.hearsay import Hearsay
from logban.matching.held_back import Held
from logban.matching.messages import Window
from logban.matching.multiline import BufferedLine, LineBuffer
from logban.matching.quotes import Messages, QuoteGuard
from logban.matching.sessions import Sessions
from logban.model import Failure, Outcome, Success

_KINDS: Final[Mapping[str, type[Failure | Success]]] = {
    kind.__name__: kind for kind in (Failure, Success)
}


@dataclass(slots=True)
class Remembered:
    """The lines, messages, tales and connections of a source that are not over."""

    buffer: LineBuffer
    guard: QuoteGuard = field(default_factory=QuoteGuard)
    hearsay: Hearsay = field(default_factory=Hearsay)
    sessions: Sessions = field(default_factory=Sessions)

    def keep(self) -> str:
        """Write down what is not over; "" if there is nothing."""
        messages, tales, lines = self.guard.messages(), self.hearsay.waiting, self.buffer.lines
        if not (messages.windows or messages.held or tales or lines):
            return ""
        number = {id(window): index for index, window in enumerate(messages.windows)}
        return json.dumps(
            {
                "end": messages.end,
                "windows": [
                    [each.quote.name, each.address, each.thread, each.latest, each.is_whole,
                     list(each.cuts)]
                    for each in messages.windows
                ],
                "held": [
                    [_parts(each.outcome), each.thread, each.needs_thread,
                     [[number[id(window)], window.latest if window.wrapping else until]
                      for window, until in each.windows.items()]]
                    for each in messages.held
                ],
                "tales": [[thread, _parts(failure)] for thread, failure in tales.items()],
                "lines": [[each.line, each.text, each.time] for each in lines],
            }
        )  # fmt: skip

    def take_up(self, text: str, quotes: Iterable[Quote], now: float) -> None:
        """Go on with what was written down; ValueError where it does not go with the filter.

        ``quotes`` are those of the filter: it may have been changed meanwhile.
        """
        try:
            found = json.loads(text)
            named = {quote.name: quote for quote in quotes}
            windows = [
                Window(named[name], address, thread, until, is_whole, deque(cuts))
                for name, address, thread, until, is_whole, cuts in found["windows"]
            ]
            held = [
                Held(
                    _outcome(parts),
                    thread,
                    {windows[index]: until for index, until in doubts},
                    needs,
                )
                for parts, thread, needs, doubts in found["held"]
            ]
            tales = {thread: cast("Failure", _outcome(parts)) for thread, parts in found["tales"]}
            lines = [BufferedLine(*each) for each in found["lines"]]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(f"it does not go with the filter: {error!r}") from error
        self.guard.take_up(Messages(found["end"], tuple(windows), tuple(held)), now)
        self.hearsay.take_up(tales)
        self.buffer.take_up(lines)


def _parts(outcome: Outcome) -> list[object]:
    parts = [getattr(outcome, each.name) for each in fields(outcome)]
    return [
        type(outcome).__name__,
        *(dict(part) if isinstance(part, Mapping) else part for part in parts),
    ]


def _outcome(parts: list[str]) -> Outcome:
    return _KINDS[parts[0]](*parts[1:])  # type: ignore[arg-type]  # as they were written
