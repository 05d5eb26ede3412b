# SPDX-License-Identifier: MIT
"""The values of a filter with all references and tags resolved.

fail2ban's order: what the jail hands over as ``name[key=value]`` wins over [Init], that over
[Definition], that over [DEFAULT].  ``<section/key>`` is a key of another section, ``<known/key>``
what the key was before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from logban.config.files.interpolation import InterpolationError, interpolate, substitute_tags
from logban.config.files.layers import Tree
from logban.config.files.parameters import Selection
from logban.config.files.scopes import SectionScope
from logban.config.files.text import Text, TextLine, Value
from logban.config.filters.keys import OWN_SECTION

_DEFINITION = "Definition"
_INIT = "Init"
# As in fail2ban: what is read from files is in the form of files until somebody says otherwise.
_BUILT_IN = {"logtype": Value.built_in("logtype", "file")}


@dataclass(frozen=True, slots=True)
class FilterText:
    """A filter's files and the parameters that a jail hands to it."""

    tree: Tree
    name: str
    given: Mapping[str, Value]

    @classmethod
    def of(cls, tree: Tree, name: str, selection: Selection) -> FilterText:
        """Join a filter's files and the words of a jail that select it."""
        given = {
            key.lower(): Value(
                key.lower(),
                selection.origin,
                tuple(TextLine(line, selection.origin) for line in text.split("\n")),
                literal=True,
            )
            for key, text in selection.parameters.items()
        }
        return cls(tree, name, given)

    def final(self, key: str, override: Text | None = None) -> Text | None:
        """Give a key's value, or the one that a jail puts in its place, with its tags resolved.

        None if nobody sets it; InterpolationError if it can't be resolved.
        """
        lines = self.tag(key) if override is None else override
        return None if lines is None else substitute_tags(key, lines, self.tag)

    def of_section(self, section: str, key: str) -> Text | None:
        """Give a key of one of the sections that are logban's own, with its tags resolved."""
        value = self.tree.sections[section].values.get(key)
        if value is None:
            return None
        return substitute_tags(key, self.interpolated(value, section), self.tag)

    def interpolated(self, value: Value, section: str) -> Text:
        """Follow the ``%(name)s`` of a value of that section."""
        return interpolate(value, self._scope(section))

    def known(self) -> Mapping[str, Value]:
        """Give every value that can be resolved, for ``%(known/key)s`` in the jail."""
        keys = dict.fromkeys(
            key
            for section in (self.tree.defaults, *map(self.tree.section, (_DEFINITION, _INIT)))
            for key in section.values
        )
        found: dict[str, Value] = {}
        for key in (*keys, *self.given):
            # What can't be resolved is told of where it is used.
            with contextlib.suppress(InterpolationError):
                lines = self.final(key)
                if lines is not None:
                    origin = lines[0].origin if lines else self.tree.origin
                    found[key] = Value(key, origin, lines, literal=True)
        return found

    def _scope(self, name: str) -> SectionScope:
        """Give the names that hold in a section.

        A rule sees those of [Definition] as well.  What the jail hands over holds in these two,
        and not, as in fail2ban, in sections whose keys are taken from there.
        """
        sections = tuple(self.tree.section(each) for each in (_DEFINITION, _INIT))
        others = tuple(each for each in sections if each.name != name)
        own = self.tree.section(name)
        given = self.given if name == _DEFINITION or OWN_SECTION.fullmatch(name) else {}
        return SectionScope(
            own, self.tree.defaults, self.tree.sections, name, given, others, _BUILT_IN
        )

    def tag(self, name: str) -> Text | None:
        """Give what ``<name>`` stands for before its own tags are replaced; None if nothing."""
        section, slash, key = name.partition("/")
        if slash:
            return self._of_section(section, key.lower())
        key = name.lower()
        if key in self.given:
            return self.given[key].lines
        init, definition = self.tree.section(_INIT), self.tree.section(_DEFINITION)
        if key in init.values:
            return self.interpolated(init.values[key], _INIT)
        value = definition.values.get(key) or self._default(key)
        return None if value is None else self.interpolated(value, _DEFINITION)

    def _of_section(self, section: str, key: str) -> Text | None:
        if section.lower() == "known":
            init = self.tree.section(_INIT).values.get(key)
            if init is not None:
                return self.interpolated(init, _INIT)
            own = self.tree.section(_DEFINITION).values.get(key)
            value = (own and own.previous) or own or self._default(key)
            section = _DEFINITION
        elif section.lower() == "default":
            value, section = self._default(key), "DEFAULT"
        elif section in self.tree.sections:
            value = self.tree.sections[section].values.get(key) or self._default(key)
        else:
            return None
        return None if value is None else self.interpolated(value, section)

    def _default(self, key: str) -> Value | None:
        return self.tree.defaults.values.get(key) or _BUILT_IN.get(key)
