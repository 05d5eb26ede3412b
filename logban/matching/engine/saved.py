# SPDX-License-Identifier: MIT
"""Programs kept on disk: writing one takes a few tenths of a second, reading one a millisecond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from logban import __version__
from logban.matching.definition import FilterDefinition
from logban.matching.engine.dated import Head
from logban.matching.engine.written import Fields, Opening, Program
from logban.matching.kept import KeptFolder

_Columns = Sequence[tuple[str, Sequence[int]]]


class ProgramStore:
    """A folder of programs, by what they were made of."""

    def __init__(self, folder: Path) -> None:
        """Read from, and keep in, a folder; it is made when something is kept."""
        self._folder = KeptFolder(folder)

    def read(self, key: str) -> Program | None:
        """Give a program; None if there is none that can be trusted and understood."""
        kept = self._folder.read(key)
        try:
            return _from_json(kept) if isinstance(kept, Mapping) else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def keep(self, key: str, program: Program) -> None:
        """Keep a program; where that can't be done, it is written again the next time."""
        self._folder.keep(key, _to_json(program))


def key_of(
    definition: FilterDefinition,
    heads: Sequence[Head],
    openings: Sequence[Opening],
    doubtful: Sequence[Opening],
    *,
    fields: bool,
) -> str:
    """Give what a program is known by: a digest of all that it is made of, and by whom."""
    # What reads expressions and takes literals from them lies one folder above.
    here = Path(__file__).parent
    made_by = [
        (path.name, path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted([*here.glob("*.py"), *here.parent.glob("*.py")])
    ]
    rules = [
        (rule.name, rule.expression.text, rule.hearsay, rule.witness, rule.success)
        for rule in definition.rules
    ]
    about = (
        __version__,
        made_by,
        rules,
        [each.text for each in definition.ignore],
        definition.prefix.text if definition.prefix is not None else None,
        definition.reading.names,
        fields,
        [(head.before, head.date, head.behind) for head in heads],
        *(
            [(each.begin, [sorted(choice) for choice in each.literals]) for each in those]
            for those in (openings, doubtful)
        ),
    )
    return sha256(repr(about).encode()).hexdigest()


def _to_json(program: Program) -> Mapping[str, object]:
    return {
        "texts": program.texts,
        "thread": program.thread,
        "address": program.address,
        "date": program.date,
        "success": program.success,
        "unusual": program.unusual,
        "columns": program.columns,
        "may_be_empty": sorted(program.may_be_empty),
        "prefix_fields": program.prefix_fields.columns,
        "fields": {number: each.columns for number, each in program.fields.items()},
        "refused": program.refused,
        "doubts": program.doubts,
    }


def _from_json(saved: Mapping[str, object]) -> Program:
    """Read what was written; ValueError and the like if it is anything else."""
    texts, fields, refused = saved["texts"], saved["fields"], saved["refused"]
    if not (isinstance(texts, list) and isinstance(fields, dict) and isinstance(refused, dict)):
        raise TypeError("a program is kept as lists and objects")
    success, unusual = saved["success"], saved["unusual"]
    if not (isinstance(success, int) and isinstance(unusual, int)):
        raise TypeError("a column is a number")
    return Program(
        tuple(map(str, texts)),
        _numbers(saved["thread"]),
        _numbers(saved["address"]),
        _numbers(saved["date"]),
        success,
        unusual,
        _numbers(saved["columns"]),
        frozenset(_numbers(saved["may_be_empty"])),
        _fields(saved["prefix_fields"]),
        {int(number): _fields(each) for number, each in fields.items()},
        {str(name): str(why) for name, why in refused.items()},
        str(saved["doubts"]),
    )


def _numbers(saved: object) -> tuple[int, ...]:
    if not isinstance(saved, list):
        raise TypeError("columns are a list")
    return tuple(int(number) for number in saved)


def _fields(saved: object) -> Fields:
    if not isinstance(saved, list):
        raise TypeError("fields are a list")
    return Fields(tuple((str(name), _numbers(numbers)) for name, numbers in saved))
