# SPDX-License-Identifier: MIT
"""The names that a value may refer to, and in which order they are looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from logban.config.files.ini import Section
from logban.config.files.text import Value


@dataclass(frozen=True, slots=True)
class SectionScope:
    """The names of a section.

    They are looked for in ``given`` (what was handed in, by the key in lower case), then in the
    section, the ``fallback`` sections, [DEFAULT] and ``built_in``.  ``__name__`` is the section's
    name.  ``other/key`` is a key of another section or of [DEFAULT], ``known/key`` what the key
    was before the value that asks displaced it; for that ``known`` is looked into first.
    """

    section: Section
    defaults: Section
    sections: Mapping[str, Section]
    name: str
    given: Mapping[str, Value] = field(default_factory=dict)
    fallback: tuple[Section, ...] = ()
    built_in: Mapping[str, Value] = field(default_factory=dict)
    known: Mapping[str, Value] = field(default_factory=dict)

    def find(self, name: str, within: Value | None = None) -> Value | None:
        """Give what a name stands for in that value; None if there is nothing of that name."""
        section, slash, key = name.partition("/")
        key = key.lower()
        if not slash:
            return self._own(name.lower())
        if section.lower() == "known":
            return self._known(key, within)
        if section.lower() == "default":
            return self._default(key)
        other = self.sections.get(section)
        return None if other is None else other.values.get(key) or self._default(key)

    def names(self) -> Iterable[str]:
        """Give the names that there are."""
        for section in (self.section, *self.fallback, self.defaults):
            yield from section.values
        yield from self.given
        yield from self.built_in

    def _own(self, key: str) -> Value | None:
        if key == "__name__":
            return Value.built_in(key, self.name.replace("%", "%%"))
        for section in (self.given, self.section.values, *(each.values for each in self.fallback)):
            if key in section:
                return section[key]
        return self._default(key)

    def _default(self, key: str) -> Value | None:
        return self.defaults.values.get(key) or self.built_in.get(key)

    def _known(self, key: str, within: Value | None) -> Value | None:
        if key in self.known:
            return self.known[key]
        own = self.section.values.get(key)
        asking = within if within is not None and within.key == key else own
        if asking is not None and asking.previous is not None:
            return asking.previous
        default = self.defaults.values.get(key)
        return self.built_in.get(key) if default is None or default is within else default
