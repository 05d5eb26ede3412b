# SPDX-License-Identifier: MIT
"""The import as a whole: what a directory of fail2ban's comes to in one of logban's.

Everything is first put together beside the target and read as the daemon would read it.  A jail
that could not run so is left out with the reason, and nothing of it is written.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from logban.actions.catalogue import Place, place_of
from logban.config import load
from logban.config.files.parameters import Selection
from logban.config.files.strays import judge_stray
from logban.config.imported import has_stamp, is_untouched
from logban.config.jails.action_files import find_action
from logban.config.jails.growth_table import INCREMENT
from logban.config.problem import Severity
from logban.config.settings import MANUAL, Configuration, JailSettings
from logban.durations import format_duration
from logban.migration.actions import Translator
from logban.migration.copies import OTHERWISE, Copier
from logban.migration.files import Plan, read
from logban.migration.jails import Draft, Drafter
from logban.migration.report import BanReport, FileReport, JailReport, Note, Report
from logban.migration.source import Source, read_source
from logban.migration.writing import section
from logban.model import RECIDIVE

_FOLDERS: Final = ("jails.d", "filters.d", "actions.d")
_NAME: Final = re.compile(r"[\w.\-]{1,64}")
_DEFAULTS: Final = "fail2ban"
"""The name of the file in jails.d with what fail2ban's [DEFAULT] says."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An import that is ready to be written; ``configuration`` is what the target will say."""

    source: Source
    plan: Plan
    drafts: tuple[Draft, ...]
    remarks: tuple[Note, ...]
    configuration: Configuration

    def report(self, files: tuple[FileReport, ...], bans: BanReport, *, dry_run: bool) -> Report:
        """Tell of it all; ``files`` are as they were before anything was written."""
        return Report(
            str(self.source.directory),
            str(self.plan.target),
            dry_run,
            tuple(self._jail(draft) for draft in self.drafts),
            files,
            self.remarks,
            bans,
        )

    def _jail(self, draft: Draft) -> JailReport:
        if draft.refused is not None:
            return JailReport(draft.name, draft.outcome, (draft.refused,))
        settings = self.configuration.jails.get(draft.name)
        summary = "" if settings is None else _summary(settings)
        notes = dict.fromkeys((*draft.lost, *draft.changed))
        return JailReport(draft.name, draft.outcome, tuple(notes), summary)


def prepare(directory: Path, target: Path) -> Prepared:
    """Read fail2ban's directory; ConfigurationError if it is none.  Nothing is written."""
    source = read_source(directory)
    refused: dict[str, Note] = {}
    with tempfile.TemporaryDirectory(prefix="logban-import-") as room:
        base = _loaded(Path(room) / "base", Plan(target), has_stamp)
        while True:
            attempt = _Attempt(source, target, base, refused)
            stage = Path(room) / f"stage-{len(refused)}"
            configuration = _loaded(stage, attempt.plan, is_untouched)
            failed = {
                draft.name: _reasons(configuration, draft.name)
                for draft in attempt.drafts
                if draft.refused is None and draft.name not in configuration.jails
            }
            if not failed:
                break
            refused |= failed
        attempt.switch_twins_off(configuration)
    remarks = (*attempt.remarks(configuration), *_of_reading(source))
    return Prepared(source, attempt.plan, tuple(attempt.drafts), remarks, configuration)


class _Attempt:
    """One way to write everything, with the jails left out that can't be had."""

    def __init__(
        self, source: Source, target: Path, base: Configuration, refused: dict[str, Note]
    ) -> None:
        self.plan = Plan(target)
        self.plan.private = source.is_private()
        self.drafts: list[Draft] = []
        self._source = source
        self._twins: set[str] = set()
        self._known = {*base.jails, *base.failed, *base.disabled}
        enabled = list(source.enabled())
        names = {each.name for each in enabled}
        places: dict[Place, str] = {}
        for jail in base.jails.values():
            for place in filter(None, map(place_of, jail.actions)):
                if jail.name not in names:
                    places[place] = jail.name
        self._actions = Copier(source.directory / "action.d", "actions.d", self.plan)
        translator = Translator(places, self._foreign, self._changes)
        filters = Copier(source.directory / "filter.d", "filters.d", self.plan)
        drafter = Drafter(source, filters, translator)
        self._add(_DEFAULTS, ".conf", drafter.defaults())
        for each in enabled:
            if each.name in refused:
                self.drafts.append(Draft(each.name, refused=refused[each.name]))
            elif not _NAME.fullmatch(each.name):
                why = "a jail's name has letters, digits, '.', '_' and '-'"
                self.drafts.append(Draft(each.name, refused=Note(f"[{each.name}]", why)))
            else:
                draft = drafter.draft(each)
                self.drafts.append(draft)
                if draft.refused is None:
                    known = each.name in self._known and each.name != MANUAL
                    if known:  # what is written over logban's own jail must not grow by that one's
                        draft.values.setdefault(INCREMENT.name, ("no",))
                    self._add(each.name, ".local" if known else ".conf", draft)

    def _foreign(self, jail: str, selection: Selection) -> str:
        """Take an action of the admin's over, if it can be run; give the name that it has here."""
        found = find_action(selection.name, self._source.directory / "action.d")
        if found is None:
            raise ValueError(f"there is no action {selection.name!r}, here or in action.d")
        found.spec(jail, selection)
        copied = self._actions.copy(selection.name, found.tree)
        return copied.name

    def _changes(self, name: str) -> tuple[str, ...]:
        """Name the files by which an admin has changed an action, and what it includes."""
        found = find_action(name, self._source.directory / "action.d")
        paths = [layer.file.path for layer in found.tree.layers] if found else []
        folder = str(self._source.directory)
        return tuple(
            path.removeprefix(folder).lstrip("/")
            for path in dict.fromkeys(paths)
            if path.endswith(".local") or "/action.d/" + name + ".d/" in path
        )

    def _add(self, name: str, suffix: str, draft: Draft) -> None:
        if not draft.values:
            return
        body = section(draft.name, draft.values)
        remark = f"[{draft.name}] of {self._source.directory}"
        path = f"jails.d/{name}{suffix}"
        if not self.plan.is_free(path, body, remark):
            path = f"jails.d/{name}{OTHERWISE}{suffix}"
        self.plan.add(path, body, remark)

    def switch_twins_off(self, configuration: Configuration) -> None:
        """Turn logban's own jails off where one that was taken over reads the same log."""
        names = {draft.name for draft in self.drafts}
        for jail in configuration.jails.values():
            if jail.name in names or jail.name == MANUAL:
                continue
            twin = next(
                (
                    draft
                    for draft in self.drafts
                    if draft.refused is None and _overlap(jail, configuration.jails[draft.name])
                ),
                None,
            )
            body = section(jail.name, {"enabled": ("false",)})
            remark = f"[{twin.name if twin else ''}] of {self._source.directory} reads the same log"
            path = f"jails.d/{jail.name}.local"
            if twin is not None and self.plan.is_free(path, body, remark):
                self.plan.add(path, body, remark)
                self._twins.add(jail.name)
                why = (
                    f"logban's own jail {jail.name!r} reads the same log and is turned off; "
                    f"to have it instead of this one, write enabled = true into {path} and "
                    "enabled = false here"
                )
                twin.changed.append(Note(f"[{twin.name}] instead of [{jail.name}]", why))

    def remarks(self, configuration: Configuration) -> Iterator[Note]:
        """Give what is to be said of several jails at once, and of none."""
        said: Counter[tuple[str, str]] = Counter()
        for draft in self.drafts:
            said.update({(note.what, note.why) for note in draft.remarks})
        for (what, why), number in said.items():
            jails = f" ({number} jails)" if number > 1 else ""
            yield Note(what + jails, why)
        off = len(self._source.jails.sections) - len(self.drafts)
        if off > 0:
            yield Note(f"{off} jails", "they are off in fail2ban and stay there")
        names = {MANUAL, *self._twins, *(draft.name for draft in self.drafts)}
        others = ", ".join(name for name in configuration.jails if name not in names)
        if others:
            why = "logban's own are on as well; enabled = false turns one off"
            yield Note(f"jails beside these: {others}", why)
        for name in self.plan.stale():
            why = "an earlier import wrote it, and fail2ban has it on no longer: delete it"
            yield Note(name, why)


def _loaded(stage: Path, plan: Plan, leave_out: Callable[[bytes], bool]) -> Configuration:
    """Read what the target will say: what stays there, and what is to be written."""
    for folder in _FOLDERS:
        (stage / folder).mkdir(parents=True)
        here = plan.target / folder
        for path in sorted(here.rglob("*")) if here.is_dir() else ():
            data = read(path) if path.is_file() else None
            if data is not None and not leave_out(data):
                copy = stage / path.relative_to(plan.target)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(data)
    for name in ("logban.conf", "logban.local"):
        if (plan.target / name).is_file():
            shutil.copyfile(plan.target / name, stage / name)
    plan.write(stage, everything=True)
    return load(stage)


def _reasons(configuration: Configuration, name: str) -> Note:
    problems = configuration.failed.get(name, ())
    errors = [str(each) for each in problems if each.severity is Severity.ERROR]
    return Note(f"[{name}]", "; ".join(errors[:3]) or "logban cannot read it")


def _overlap(one: JailSettings, other: JailSettings) -> bool:
    """Say whether two jails read a log file of the same name."""
    ones = [path.pattern for path in one.log_paths]
    others = [path.pattern for path in other.log_paths]
    return any(fnmatch(a, b) or fnmatch(b, a) for a in ones for b in others)


def _summary(jail: JailSettings) -> str:
    span = "for ever" if jail.bantime is None else f"for {format_duration(jail.bantime)}"
    name = jail.filter.name if jail.filter else RECIDIVE
    return f"{span} after {jail.maxretry} in {format_duration(jail.findtime)}, filter {name}"


def _of_reading(source: Source) -> Iterable[Note]:
    """Tell of lines of fail2ban's files that could not be read."""
    for _, remark in source.jails.remarks():
        if remark.problem.severity is Severity.ERROR:
            yield Note(str(remark.problem.origin), remark.problem.message)
    for _, stray in source.jails.strays():
        problem = judge_stray(stray, (), ())
        yield Note(str(problem.origin), problem.message)
