# SPDX-License-Identifier: MIT
"""One of fail2ban's jails as one of logban's: every value resolved, read, and written again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from logban.config.files.ini import Section
from logban.config.files.interpolation import InterpolationError, interpolate
from logban.config.files.layers import Tree
from logban.config.files.parameters import Selection, SelectionError, parse_selections
from logban.config.files.text import Text, joined, written
from logban.config.filters.library import FilterLibrary
from logban.config.filters.text import FilterText
from logban.config.jails import table as jail_table
from logban.config.settings import MANUAL
from logban.migration.actions import Inverse, Translator
from logban.migration.copies import Copier
from logban.migration.report import Note, Outcome
from logban.migration.source import Source
from logban.migration.writing import selected
from logban.model import RECIDIVE

ALWAYS: Final = ("maxretry", "findtime", "bantime")
"""What a jail's file always says, so that no other [DEFAULT] changes it."""

_UNWRITTEN: Final = {"maxretry": "3", "findtime": "600", "bantime": "600"}
"""What holds in fail2ban where no file, not even jail.conf, says anything."""

_APART: Final = ("enabled", "filter", "logpath", "action", "backend", "ignoreip", "maxmatches")
_OWN_LOG: Final = re.compile(r"(?:^|/)fail2ban\.log")
_RECIDIVE: Final = (
    "the jail counts the bans of the other jails in logban's ledger, in place of fail2ban's log"
)
_OVERRIDES: Final = ("failregex", "ignoreregex", "prefregex", "datepattern", "maxlines")
_NORMAL: Final = "normal"


class Refused(Exception):  # a jail is refused; the program goes on
    """A jail can't be taken over; the note tells what stands in the way."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(why)
        self.note = Note(what, why)


class _Setting(Protocol):
    """What is common to all settings of the table."""

    @property
    def name(self) -> str: ...
    @property
    def default(self) -> object: ...
    @property
    def ignored(self) -> str: ...
    def parse(self, text: str, /) -> object: ...


@dataclass(slots=True)
class Draft:
    """A jail as it is to be written; ``values`` are lines by key."""

    name: str
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changed: list[Note] = field(default_factory=list)
    lost: list[Note] = field(default_factory=list)
    remarks: list[Note] = field(default_factory=list)
    refused: Note | None = None

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        if self.refused is not None:
            return Outcome.REFUSED
        return Outcome.CHANGED if self.changed or self.lost else Outcome.AS_IT_IS


class Drafter:
    """Drafts one jail after another."""

    def __init__(self, source: Source, filters: Copier, actions: Translator) -> None:
        self._source = source
        self._filters = filters
        self._actions = actions
        self._library = FilterLibrary(Path("/nonexistent"))

    def draft(self, section: Section) -> Draft:
        """Draft a jail; what stands in the way is told by ``refused``."""
        draft = Draft(section.name)
        try:
            _Drafting(self._source, section, draft).run(self)
        except Refused as failure:
            draft.refused = failure.note
        return draft

    def defaults(self) -> Draft:
        """Draft [DEFAULT]: what holds for the jails that are not fail2ban's as well."""
        draft = Draft("DEFAULT")
        drafting = _Drafting(self._source, self._source.jails.defaults, draft)
        for setting in (jail_table.BANTIME, jail_table.FINDTIME, jail_table.MAXRETRY):
            with suppress(Refused):  # told of by the jails that it concerns
                drafting.setting(setting)
        with suppress(Refused):
            draft.values.update(drafting.ignored_addresses())
        for variable in jail_table.VARIABLES:
            if variable.name in ("destemail", "sender"):
                with suppress(Refused):
                    text = drafting.text(variable.name)
                    if text and text != variable.default:
                        draft.values[variable.name] = (text,)
        return draft

    def find_filter(self, name: str) -> Tree | None:
        """Give the files of one of fail2ban's filters."""
        path = self._source.directory / "filter.d" / f"{name}.conf"
        found = self._library.find(str(path), Path())
        return None if found is None else found.tree

    def copy_filter(self, name: str, tree: Tree, draft: Draft) -> str:
        """Take a filter over; give the name that it has here."""
        copied = self._filters.copy(name, tree)
        draft.changed.extend(copied.notes)
        if copied.name != name:
            why = (
                f"logban has a filter {name!r} of its own; to use that one, write "
                f"filter = {name} into the jail"
            )
            draft.changed.append(Note(f"filter {name} -> {copied.name}", why))
        return copied.name

    def translate(self, draft: Draft, selections: tuple[Selection, ...]) -> tuple[str, ...]:
        """Translate the jail's actions."""
        try:
            done = self._actions.translate(draft.name, selections)
        except Inverse as failure:
            why = "it lets through whom the filter finds, and logban would ban them"
            raise Refused(f"action {failure}[blocktype=...]", why) from failure
        draft.lost.extend(done.lost)
        draft.changed.extend(done.changed)
        draft.remarks.extend(done.remarks)
        if done.lines and done.lost and not done.bans:
            why = "none that is left keeps anybody out; add one, for instance nftables"
            draft.changed.append(Note("action", why))
        return tuple(done.lines)


class _Drafting:
    """The drafting of one section."""

    def __init__(self, source: Source, section: Section, draft: Draft) -> None:
        self._source = source
        self._section = section
        self._scope = source.scope(section)
        self._draft = draft

    def run(self, drafter: Drafter) -> None:
        """Go through everything that a jail can say."""
        values = self._draft.values
        if self._draft.name == MANUAL:
            why = "in logban the jail of this name holds the bans by hand; give it another one"
            raise Refused(f"[{MANUAL}]", why)
        values["enabled"] = ("true",)
        selection, tree = self._filter(drafter)
        is_recidive = selection.name == RECIDIVE
        values["filter"] = (RECIDIVE,)
        if is_recidive:
            self._draft.changed.append(Note(f"filter = {RECIDIVE}", _RECIDIVE))
        else:
            values["logpath"] = self._log_paths()
        for setting in jail_table.JAIL_SETTINGS:
            if setting.name not in _APART and self._has(setting.name):
                self.setting(setting)
        for key, text in _UNWRITTEN.items():
            if not self._has(key):
                values[key] = (text,)
        self._max_matches()
        if self._has_own("ignoreip"):
            values.update(self.ignored_addresses())
        values["action"] = drafter.translate(self._draft, self._selections("action"))
        if not values["action"]:
            del values["action"]
            why = "none of its actions can be had, so it bans by logban's default action, nftables"
            self._draft.changed.append(Note("action", why))
        if not is_recidive:
            values["filter"] = (self._copied(drafter, selection, tree),)

    def text(self, key: str) -> str:
        """Give a key's text on one line; "" if nobody sets it."""
        return joined(self._lines(key))

    def setting(self, setting: _Setting) -> None:
        """Take a setting over, unless it says what holds anyway."""
        key, lines = setting.name, written(self._lines(setting.name))
        text = joined(lines)
        try:
            value = setting.parse(text)
        except ValueError as failure:
            if key in ALWAYS:
                raise Refused(f"{key} = {text}", f"{self._place(key)}: {failure}") from failure
            self._draft.lost.append(Note(f"{key} = {text}", str(failure)))
            return
        if setting.ignored:
            if value != setting.default:
                self._draft.remarks.append(Note(f"{key} = {text}", setting.ignored))
        elif key in _OVERRIDES or value != setting.default or self._always(key):
            self._draft.values[key] = tuple(line.text for line in lines)

    def ignored_addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Give ``ignoreip`` with the entries that can be followed, if it is set."""
        kept = []
        for line in written(self._lines("ignoreip")):
            for word in re.split(r"[\s,]+", line.text):
                try:
                    jail_table.IGNOREIP.parse(word) if word else None
                except ValueError as failure:
                    self._draft.lost.append(Note(f"ignoreip = {word}", str(failure)))
                else:
                    kept.append(word)
        entries = [word for word in dict.fromkeys(kept) if word]
        return {"ignoreip": (" ".join(entries),)} if entries else {}

    def _always(self, key: str) -> bool:
        return key in ALWAYS and self._draft.name != "DEFAULT"

    def _filter(self, drafter: Drafter) -> tuple[Selection, Tree]:
        """Find the filter, and let what it says be known to the jail's own values."""
        selections = self._selections("filter")
        if not selections and not self._has("filter"):
            selections = (Selection(self._draft.name, self._section.origin, {}),)
        if len(selections) != 1:
            raise Refused("filter", "it has no filter" if not selections else "it has several")
        selection = selections[0]
        tree = drafter.find_filter(selection.name)
        if tree is None:
            raise Refused(f"filter = {selection.name}", "there is no such filter in filter.d")
        text = FilterText.of(tree, selection.name, selection)
        self._scope = replace(self._scope, known=text.known())
        return selection, tree

    def _copied(self, drafter: Drafter, selection: Selection, tree: Tree) -> str:
        """Take the filter's files over; give the words that select it."""
        name = drafter.copy_filter(selection.name, tree, self._draft)
        parameters = dict(selection.parameters)
        if parameters.get("mode") == _NORMAL and _mode_of(tree) in ("", _NORMAL):
            del parameters["mode"]
        try:
            return selected(replace(selection, parameters=parameters), name)
        except ValueError as failure:
            raise Refused("filter", str(failure)) from failure

    def _log_paths(self) -> tuple[str, ...]:
        paths = []
        for line in written(self._lines("logpath")):
            try:
                jail_table.LOGPATH.parse(line.text)
            except ValueError as failure:
                self._draft.lost.append(Note(f"logpath = {line.text}", str(failure)))
            else:
                paths.append(line.text)
        backend = self._backend()
        if not paths:
            why = "it names no log file"
            if backend:
                why = f"{backend}; have the messages written to a file and name it in logpath"
            raise Refused("backend = systemd" if backend else "logpath", why)
        if backend:
            missing = [path for path in paths if not _exists(path)]
            wait = f"; {', '.join(missing)} does not exist and is waited for" if missing else ""
            why = f"{backend}; the jail reads its logpath instead{wait}"
            self._draft.changed.append(Note("backend = systemd", why))
        if any(_OWN_LOG.search(path) for path in paths):
            why = (
                "nobody writes fail2ban's own log any more, so the jail will find nothing new; "
                "filter = recidive counts the bans of the other jails"
            )
            self._draft.changed.append(Note(f"logpath = {paths[0]}", why))
        return tuple(dict.fromkeys(paths))

    def _backend(self) -> str:
        """Take the backend over; give the reason if it is one that can't be had."""
        text = self.text("backend")
        if not text:
            return ""
        try:
            value = jail_table.BACKEND.parse(text)
        except ValueError as failure:
            if text.lower().startswith("systemd"):
                return str(failure)
            self._draft.lost.append(Note(f"backend = {text}", str(failure)))
            return ""
        if value != jail_table.BACKEND.default:
            self._draft.values["backend"] = (str(value),)
        return ""

    def _max_matches(self) -> None:
        """Take ``maxmatches`` over; without it there are as many as failures lead to a ban."""
        text = self.text("maxmatches")
        if text and text != self.text("maxretry"):
            self.setting(jail_table.MAXMATCHES)

    def _selections(self, key: str) -> tuple[Selection, ...]:
        try:
            return parse_selections(self._lines(key))
        except SelectionError as failure:
            raise Refused(key, str(failure.problem)) from failure

    def _has(self, key: str) -> bool:
        return self._scope.find(key) is not None

    def _has_own(self, key: str) -> bool:
        return key in self._section.values

    def _place(self, key: str) -> str:
        value = self._scope.find(key)
        return str(value.origin if value is not None else self._section.origin)

    def _lines(self, key: str) -> Text:
        value = self._scope.find(key)
        if value is None:
            return ()
        try:
            return interpolate(value, self._scope)
        except InterpolationError as failure:
            raise Refused(key, str(failure.problem)) from failure


def _mode_of(tree: Tree) -> str:
    """Give the mode that a filter has where nobody names one."""
    value = tree.section("Init").values.get("mode") or tree.section("Definition").values.get("mode")
    return joined(value.lines) if value is not None else ""


def _exists(pattern: str) -> bool:
    path = pattern.rpartition(" ")[0] if pattern.endswith((" head", " tail")) else pattern
    return any(_found(path))


def _found(pattern: str) -> Iterator[Path]:
    try:
        yield from Path("/").glob(pattern.lstrip("/"))
    except (OSError, ValueError):
        return
