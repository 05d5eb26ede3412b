# SPDX-License-Identifier: MIT
"""fail2ban's actions as logban's: by name where logban has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from logban.actions import catalogue
from logban.actions.catalogue import Place
from logban.actions.declaration import ActionSpec, ParameterError, UnknownAction
from logban.actions.types_message import EMAIL
from logban.config.files.parameters import Selection
from logban.migration.report import Note
from logban.migration.writing import selected

# What fail2ban's own jail.conf hands to every action, and what is of no account here.
_UNREMARKABLE: Final = {
    "chain": ("INPUT", "<known/chain>"),
    "bantime": ("<bantime>", "0"),
    "actname": None,
    "norestored": None,
    "logpath": None,
}
# fail2ban has none of these; whoever has an action of such a name has written it himself.
_OURS_ALONE: Final = frozenset(
    kind.name for kind in catalogue.TYPES if kind.name not in ("nftables", "iptables")
)
_PASSING: Final = ("accept", "return", "allow")
_SMTP: Final = {"host": "smtp", "sender": "sender", "sendername": "sendername", "dest": "dest"}


@dataclass(slots=True)
class Translated:
    """A jail's actions as they are to be written, and what is to be said of them.

    ``bans`` says that one of them keeps somebody out, or may.
    ``lost`` are actions that can't be had, ``changed`` what is otherwise, ``remarks`` parameters
    that are not followed and change nothing that anybody would miss.
    """

    lines: list[str] = field(default_factory=list)
    bans: bool = False
    lost: list[Note] = field(default_factory=list)
    changed: list[Note] = field(default_factory=list)
    remarks: list[Note] = field(default_factory=list)


class Inverse(Exception):
    """An action lets through whom others drop; with logban's it would be the other way round."""


class Translator:
    """Translates the actions of one jail after another, and keeps their places apart."""

    def __init__(
        self,
        places: dict[Place, str],
        foreign: Callable[[str, Selection], str],
        changes: Callable[[str], tuple[str, ...]],
    ) -> None:
        """``places`` are taken, by the jails that are there already; new ones are added.

        ``foreign`` takes an action of the admin's own over and gives the name that it has here;
        it raises ValueError with the reason if that can't be.  ``changes`` names the files by which
        an admin has changed one of fail2ban's own actions.
        """
        self._changes = changes
        self._places = places
        self._foreign = foreign

    def translate(self, jail: str, selections: tuple[Selection, ...]) -> Translated:
        """Translate what a jail's ``action`` says; Inverse if that is not to ban anybody."""
        done = Translated()
        for selection in selections:
            try:
                self._add(jail, _known_here(selection), done)
            except ValueError as failure:
                done.lost.append(Note(f"action {selection.name}", str(failure)))
        return done

    def _add(self, jail: str, selection: Selection, done: Translated) -> None:
        try:
            kind, _ = catalogue.find(selection.name)
        except UnknownAction:
            done.lines.append(selected(selection, self._foreign(jail, selection)))
            done.bans = True
            return
        if selection.parameters.get("blocktype", "").lower().startswith(_PASSING):
            raise Inverse(selection.name)
        known = {parameter.name: parameter for parameter in kind.parameters}
        kept: dict[str, str] = {}
        for word, text in selection.parameters.items():
            parameter = known.get(word)
            if parameter is None:
                why = "logban's own action has no such parameter"
                done.changed.append(Note(f"{selection.name}[{word}=...]", why))
            elif parameter.ignored:
                usual = _UNREMARKABLE.get(word, ())
                if usual is not None and text not in usual:
                    what = f"{selection.name}[{word}=...]"
                    done.remarks.append(Note(what, parameter.ignored))
            else:
                kept[word] = text
        spec = self._parsed(jail, selection.name, kept, done)
        place = catalogue.place_of(spec)
        if place is not None:
            name = self._own_name(place, jail)
            if name != place.name:
                why = f"the name is taken by the jail {self._places[place]}"
                done.changed.append(Note(f"{selection.name}[name={place.name}] -> {name}", why))
                kept["name"] = name
        for path in self._changes(selection.name):
            why = "logban's own action does this one's work, and does not read it"
            done.changed.append(Note(f"action {selection.name}: {path}", why))
        remark = kind.remarks.get(selection.name)
        if remark:
            done.changed.append(Note(f"action {selection.name}", remark))
        done.lines.append(selected(replace(selection, parameters=kept)))
        done.bans = done.bans or kind is not EMAIL

    def _parsed(self, jail: str, name: str, kept: dict[str, str], done: Translated) -> ActionSpec:
        """Read an action; a parameter that can't be followed is taken out of ``kept``."""
        while True:
            try:
                return catalogue.parse(jail, name, kept)
            except ParameterError as failure:
                if failure.parameter not in kept:
                    raise
                what = f"{name}[{failure.parameter}={kept.pop(failure.parameter)}]"
                done.changed.append(Note(what, str(failure)))

    def _own_name(self, place: Place, jail: str) -> str:
        """Give the name under which no other action keeps its bans."""
        for name in _names(place.name, jail):
            own = place._replace(name=name)
            if own not in self._places:
                self._places[own] = jail
                return name
        raise AssertionError  # the names never end


def _names(name: str, jail: str) -> Iterator[str]:
    yield name
    yield f"{name}-{jail}"
    number = 2
    while True:
        yield f"{name}-{jail}-{number}"
        number += 1


def _known_here(selection: Selection) -> Selection:
    """Give fail2ban's smtp.py as our email; ValueError where that takes a password.

    ValueError for an action of the admin's own that bears the name of one of logban's, too.
    """
    if selection.name in _OURS_ALONE:
        raise ValueError(
            "logban has an action of this name that does something else; call yours otherwise"
        )
    if not selection.name.endswith(".py"):
        return selection
    if selection.name != "smtp.py":
        raise ValueError("it is a Python module, which is not run; write a command action for it")
    if selection.parameters.get("password"):
        raise ValueError(
            "its password stands in the jail's file; write it into a file of mode 0600 and "
            "email[smtp=..., user=..., password_file=...] into the jail"
        )
    kept = {
        _SMTP[word]: text for word, text in selection.parameters.items() if word in _SMTP and text
    }
    kept.setdefault("smtp", "localhost")
    return Selection("email", selection.origin, kept)
