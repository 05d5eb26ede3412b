# SPDX-License-Identifier: MIT
"""All that is written of a filter for PCRE2.

Only imported where it has to be written: what was written is kept (see ``saved``), and to import
what writes it takes longer than to read that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from logban.matching.compiler import ExpressionError, expand
from logban.matching.definition import FilterDefinition
from logban.matching.engine.dated import Head
from logban.matching.engine.factoring import flat, literal
from logban.matching.engine.heads import begins_at
from logban.matching.engine.parsing import parse
from logban.matching.engine.program import write_program
from logban.matching.engine.rewrite import COMMON_FROM, Writer
from logban.matching.engine.syntax import At, InexpressibleError, Place
from logban.matching.engine.syntax import Sequence as InOrder
from logban.matching.engine.written import Opening, Program

_ANY_BEFORE: Final = frozenset(range(128))


def write(
    definition: FilterDefinition,
    heads: Sequence[Head],
    openings: Sequence[Opening],
    doubtful: Sequence[Opening],
    *,
    fields: bool = True,
) -> Program | str:
    """Write a filter for the engine; give the reason if it is none for it.

    Lines that may begin one of the ``doubtful`` messages are not for the engine, whatever they say.
    Without ``fields`` it is for counting only.
    """
    try:
        program = write_program(definition, heads, openings, fields=fields)
    except InexpressibleError as error:
        return str(error)
    program.doubts = write_doubts(doubtful)
    return program


def write_doubts(doubtful: Sequence[Opening]) -> str:
    """Write what is found in a line that may begin one of some messages."""
    writer = Writer()
    ways = [way for opening in doubtful for way in _ways(opening, writer)]
    text = rf"(*LF)(?m)^[^\n]*?(?:{'|'.join(ways)})[^\n]*+"
    return writer.shortened(text, COMMON_FROM[0])


def _ways(opening: Opening, writer: Writer) -> list[str]:
    """Write what such a line must hold: what is asked for, from its literal on to its end.

    The literals alone, if more can't be told.
    """
    alone = [re.escape(each.decode("ascii")) for each in sorted(opening.literals[0])]
    if len(alone) > 1 or not opening.begin:
        return alone
    (needed,) = opening.literals[0]
    try:
        items = flat(parse(expand(opening.begin)))
        for at in range(len(items)):
            if literal(items[at:]).startswith(needed.decode("ascii")):
                rest = begins_at(InOrder((At(Place.START), *items[at:])), "", _ANY_BEFORE)
                return [writer.write((rest,), ())]
    except (ExpressionError, InexpressibleError):
        pass
    return alone
