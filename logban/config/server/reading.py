# SPDX-License-Identifier: MIT
"""``logban.conf``: the settings of the daemon itself.

They stand in [server]; [DEFAULT] and [Definition], where fail2ban.conf has its own, are read too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from logban.actions import catalogue
from logban.config.files.ini import Section
from logban.config.files.interpolation import InterpolationError, interpolate
from logban.config.files.layers import Tree, read_tree, with_locals
from logban.config.files.references import references
from logban.config.files.scopes import SectionScope
from logban.config.files.strays import judge_stray
from logban.config.files.text import Value, joined
from logban.config.files.trust import Trust
from logban.config.problem import Problem, did_you_mean, error, warning
from logban.config.server import table as server_table
from logban.config.setting import Setting
from logban.config.settings import ServerSettings

T = TypeVar("T")

_SECTIONS: Final = ("server", "Definition")
_SETTINGS: Final = {setting.name: setting for setting in server_table.SERVER_SETTINGS}


def read_server(
    directory: Path, trust: Trust | None = None
) -> tuple[ServerSettings, tuple[Problem, ...]]:
    """Read ``logban.conf`` and what is beside it; a setting that is wrong keeps its default."""
    path = directory / "logban.conf"
    tree = read_tree(with_locals(path), lambda each: each.name, trust)
    reader = _Reader(tree, trust)
    settings = ServerSettings(
        reader.get(server_table.LOGLEVEL),
        reader.get(server_table.MAX_TRACKED),
        reader.get(server_table.MATCH_TIMEOUT),
        redis=reader.get(server_table.REDIS),
        redis_prefix=reader.get(server_table.REDIS_PREFIX),
        rdns_domains=reader.get(server_table.RDNS_DOMAINS),
        rdns_exempts=reader.get(server_table.RDNS_EXEMPTS),
        geo_database=reader.files(
            server_table.GEO_DATABASE, lambda paths: map(Path, paths), is_list=True
        ),
        geo_allow=reader.get(server_table.GEO_ALLOW),
        geo_deny=reader.get(server_table.GEO_DENY),
        geo_weight=reader.get(server_table.GEO_WEIGHT),
        ami=reader.files(server_table.AMI, lambda path: filter(None, [path])),
        ami_every=reader.get(server_table.AMI_EVERY),
        metrics_file=reader.get(server_table.METRICS_FILE),
        metrics_port=reader.get(server_table.METRICS_PORT),
        alarm=reader.files(
            server_table.ALARM, lambda spec: catalogue.files_of(spec) if spec else ()
        ),
        operators=reader.get(server_table.OPERATORS),
    )
    return settings, (*reader.problems, *reader.mistakes())


class _Reader:
    """Looks settings up and collects what is wrong with them."""

    def __init__(self, tree: Tree, trust: Trust | None) -> None:
        self.problems: list[Problem] = []
        self._trust = trust
        self._tree = tree
        self._sections = [tree.section(name) for name in _SECTIONS]
        self._scope = SectionScope(
            self._sections[0],
            tree.defaults,
            tree.sections,
            _SECTIONS[0],
            fallback=tuple(self._sections[1:]),
        )

    def get(self, setting: Setting[T]) -> T:
        """Give a setting's value, its default where nobody sets it or what is set is wrong."""
        value = self._scope.find(setting.name)
        if value is None:
            return setting.default
        try:
            text = joined(interpolate(value, self._scope))
            return setting.parse(text)
        except InterpolationError as failure:
            self.problems.append(failure.problem)
        except ValueError as failure:
            message = f"{setting.name}: {text!r}: {failure}"
            self.problems.append(error(value.origin, message, f"allowed: {setting.allowed}"))
        return setting.default

    def files(
        self,
        setting: Setting[T],
        named: Callable[[T], Iterable[Path]],
        *,
        is_list: bool = False,
    ) -> T:
        """Give a setting's value if all files that it names can be followed, else its default.

        ``is_list`` says that somebody else may keep them.
        """
        got = self.get(setting)
        value = self._scope.find(setting.name)
        if self._trust is None or value is None:
            return got
        objected = self._trust.objection_to_list if is_list else self._trust.objection_to_data
        for path in named(got):
            said = objected(path)
            if said:
                message = f"{setting.name}: {path} is not followed: {said}"
                self.problems.append(error(value.origin, message))
                return setting.default
        return got

    def mistakes(self) -> Iterator[Problem]:
        """Tell of lines, sections and keys that mean nothing."""
        for _, remark in self._tree.remarks():
            yield remark.problem
        for _, stray in self._tree.strays():
            yield judge_stray(stray, (), _SETTINGS)
        for section in self._tree.sections.values():
            if section.name not in _SECTIONS:
                hint = did_you_mean(section.name, _SECTIONS) or "the daemon's settings are [server]"
                yield error(section.origin, f"unknown section [{section.name}]", hint)
        referred = references((self._tree.defaults, *self._sections), tags=False)
        for key, value in self._written():
            setting = _SETTINGS.get(key)
            if setting is not None and setting.ignored:
                yield warning(value.origin, f"{key} is not followed", setting.ignored)
            elif setting is None and not key.startswith("_") and not referred.include(key):
                hint = did_you_mean(key, _SETTINGS) or f"known are {', '.join(_followed())}"
                yield error(value.origin, f"unknown key {key!r}", hint)

    def _written(self) -> Iterator[tuple[str, Value]]:
        sections: tuple[Section, ...] = (self._tree.defaults, *self._sections)
        return ((key, value) for section in sections for key, value in section.values.items())


def _followed() -> Iterator[str]:
    return (setting.name for setting in server_table.SERVER_SETTINGS if not setting.ignored)
