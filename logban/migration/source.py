# SPDX-License-Identifier: MIT
"""fail2ban's configuration directory: which files there are, and in which order they count.

The order is fail2ban's: ``x.conf``, ``x.d/*.conf``, ``x.local``, ``x.d/*.local``.  Nothing in
there is ever run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logban.config.files.ini import Section
from logban.config.files.interpolation import InterpolationError, interpolate
from logban.config.files.layers import Tree, layered, read_tree
from logban.config.files.scopes import SectionScope
from logban.config.files.text import Value, joined
from logban.config.jails.reading import built_in
from logban.errors import ConfigurationError

DEFAULT_DATABASE: Final = "/var/lib/fail2ban/fail2ban.sqlite3"
_TRUE: Final = ("1", "on", "true", "yes")


@dataclass(frozen=True, slots=True)
class Source:
    """What a directory of fail2ban's says; ``server`` is fail2ban.conf."""

    directory: Path
    jails: Tree
    server: Tree
    variables: Mapping[str, Value]

    def scope(self, section: Section, known: Mapping[str, Value] | None = None) -> SectionScope:
        """Give the names that hold in a jail's section, or in [DEFAULT] for its own."""
        return SectionScope(
            section,
            self.jails.defaults,
            self.jails.sections,
            section.name,
            built_in=self.variables,
            known=known or {},
        )

    def is_private(self) -> bool:
        """Say whether the files are kept from others: there may be passwords in them."""
        paths = (Path(layer.file.path) for layer in self.jails.layers)
        return any(path.exists() and not path.stat().st_mode & 0o004 for path in paths)

    def enabled(self) -> Iterator[Section]:
        """Give the jails that are on."""
        for section in self.jails.sections.values():
            scope = self.scope(section)
            value = scope.find("enabled")
            try:
                text = "" if value is None else joined(interpolate(value, scope))
            except InterpolationError:
                text = ""
            if text.lower() in _TRUE:
                yield section

    def database(self) -> str:
        """Give the path of the database; "" where fail2ban keeps none."""
        section = self.server.section("Definition")
        scope = SectionScope(section, self.server.defaults, self.server.sections, section.name)
        value = scope.find("dbfile")
        try:
            text = DEFAULT_DATABASE if value is None else joined(interpolate(value, scope))
        except InterpolationError:
            return DEFAULT_DATABASE
        return "" if text.lower() in ("none", ":memory:") else text


def read_source(directory: Path) -> Source:
    """Read a directory of fail2ban's; ConfigurationError if it is none."""
    jails = layered(directory / "jail.conf")
    if not jails:
        raise ConfigurationError(
            f"{directory} is no configuration of fail2ban's: it has neither jail.conf nor "
            "jail.local nor jail.d; name the directory, for instance /etc/fail2ban"
        )
    return Source(
        directory,
        read_tree(jails, str),
        read_tree(layered(directory / "fail2ban.conf"), str),
        built_in(directory),
    )
