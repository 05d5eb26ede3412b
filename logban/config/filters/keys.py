# SPDX-License-Identifier: MIT
"""Which keys, sections and parameters of a filter mean something, and which are mistakes.

A filter is free to name variables as it likes, and filters on the net have some that nothing
refers to.  So what is unknown is an error only where it is near to something known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from logban.config.files.ini import Section
from logban.config.files.layers import Tree
from logban.config.files.parameters import Selection
from logban.config.files.references import References, references
from logban.config.files.strays import looks_like_expression
from logban.config.files.text import Value
from logban.config.filters import table as filter_table
from logban.config.problem import Problem, closest, error, warning

OWN_SECTION: Final = re.compile(r"(?P<what>rule|quote|json)(?:\s+(?P<name>.*\S))?", re.IGNORECASE)
"""A section that fail2ban does not know: ``[rule NAME]``, ``[quote NAME]``, ``[json]``."""
_SECTIONS: Final = ("DEFAULT", "INCLUDES", "Definition", "Init")
_KEYS: Final = tuple(setting.name for setting in filter_table.FILTER_SETTINGS)
_OWN_KEYS: Final = {
    "rule": tuple(setting.name for setting in filter_table.RULE_SETTINGS),
    "quote": tuple(setting.name for setting in filter_table.QUOTE_SETTINGS),
    "json": tuple(setting.name for setting in filter_table.JSON_SETTINGS),
}


def check_keys(tree: Tree, *, lenient: bool) -> Iterator[Problem]:
    """Tell of keys and sections that are likely misspelt; ``lenient`` makes them warnings."""
    referred = references((tree.defaults, *tree.sections.values()), tags=True)
    tell = warning if lenient else error
    for section in tree.sections.values():
        own = OWN_SECTION.fullmatch(section.name)
        if own is not None:
            keys = _OWN_KEYS[own["what"].lower()]
            for key, value in section.values.items():
                if key not in keys and not _is_variable(key, referred):
                    hint = _hint(key, own["what"].lower(), keys)
                    yield tell(value.origin, f"unknown key {key!r} in [{section.name}]", hint)
        elif section.name == "Definition":
            for key, value in section.values.items():
                if key not in _KEYS and not _is_variable(key, referred):
                    yield _unknown_key(key, value, lenient=lenient)
        elif section.name not in _SECTIONS and not referred.include(section.name):
            yield from _unknown_section(section, lenient=lenient)


def check_parameters(tree: Tree, selection: Selection) -> Iterator[Problem]:
    """Tell of parameters that a filter makes no use of."""
    sections = (tree.defaults, tree.section("Definition"), tree.section("Init"))
    known = {
        *_KEYS,
        *filter_table.FILTER_PARAMETERS,
        *(key for each in sections for key in each.values),
    }
    referred = references((tree.defaults, *tree.sections.values()), tags=True)
    for key in selection.parameters:
        if key.lower() in known or referred.include(key):
            continue
        message = f"the filter {selection.name!r} has no parameter {key!r}"
        near = closest(key, known)
        if near:
            yield error(selection.origin, message, f"did you mean {near!r}?")
        else:
            yield warning(selection.origin, message, "it has no effect")


def _is_variable(key: str, referred: References) -> bool:
    return key.startswith("_") or "?" in key or referred.include(key)


def _hint(key: str, what: str, keys: Sequence[str]) -> str:
    near = closest(key, keys)
    return f"did you mean {near!r}?" if near else f"a {what} has {' and '.join(keys)}"


def _unknown_key(key: str, value: Value, *, lenient: bool) -> Problem:
    message = f"unknown key {key!r} in [Definition]"
    near = closest(key, _KEYS)
    tell = warning if lenient else error
    if near:
        return tell(value.origin, message, f"did you mean {near!r}?")
    if any(looks_like_expression(line.text) for line in value.lines):
        hint = "if this is another line of the regular expressions above, indent it"
        return tell(value.origin, message, hint)
    return warning(value.origin, message, "nothing refers to it")


def _unknown_section(section: Section, *, lenient: bool) -> Iterator[Problem]:
    message = f"unknown section [{section.name}]"
    near = closest(section.name.capitalize(), _SECTIONS) or closest(section.name.upper(), _SECTIONS)
    tell = warning if lenient else error
    if near:
        yield tell(section.origin, message, f"did you mean [{near}]?")
    elif "failregex" in section.values:
        hint = "failregex stands in [Definition] or in [rule NAME]"
        yield tell(section.origin, message, hint)
