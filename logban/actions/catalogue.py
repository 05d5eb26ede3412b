# SPDX-License-Identifier: MIT
"""The actions there are, and how a jail's words select one.

This module is read whenever the configuration is, so it imports none of the actions
themselves: ``build`` does, for those that a jail uses.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from logban.actions.declaration import (
    ActionSpec,
    ActionType,
    Builder,
    ParameterError,
    UnknownAction,
)
from logban.actions.protocols import Enforcer, Notifier
from logban.actions.types_firewall import IPTABLES, NFTABLES
from logban.actions.types_kamailio import KAMAILIO_TYPES
from logban.actions.types_message import COMMAND, EMAIL
from logban.clock import Clock
from logban.model import Ban

TYPES: tuple[ActionType, ...] = (NFTABLES, IPTABLES, EMAIL, COMMAND, *KAMAILIO_TYPES)


class Place(NamedTuple):
    """What one enforcer has for itself outside: the type of action, and the name there."""

    type_name: str
    name: str


def names() -> tuple[str, ...]:
    """Give every name that a jail can write, logban's own and fail2ban's."""
    return tuple(name for kind in TYPES for name in (kind.name, *kind.aliases))


def find(name: str) -> tuple[ActionType, Mapping[str, str]]:
    """Give the action of that name and the defaults that the name brings; UnknownAction if none."""
    for kind in TYPES:
        if name == kind.name:
            return kind, {}
        if name in kind.aliases:
            return kind, kind.aliases[name]
    raise UnknownAction(name, names())


def parse(jail: str, name: str, written: Mapping[str, str]) -> ActionSpec:
    """Read what a jail says of an action; UnknownAction or ParameterError if it is wrong."""
    kind, brought = find(name)
    known = {parameter.name: parameter for parameter in kind.parameters}
    for word in written:
        if word not in known:
            raise ParameterError(f"action {name!r} has no parameter {word!r}", word, tuple(known))
    values: dict[str, object] = {}
    notes: list[str] = []
    for word, parameter in known.items():
        text = written.get(word, brought.get(word))
        if text is None:
            values[word] = parameter.default
            continue
        try:
            values[word] = parameter.parse(text)
        except ValueError as error:
            raise ParameterError(f"{name}[{word}={text!r}]: {error}", word) from error
        if parameter.ignored and word in written:
            notes.append(f"{name}[{word}=...] is not followed: {parameter.ignored}")
    spec = ActionSpec(jail, name, kind.name, values, tuple(notes))
    if kind.check is not None:
        kind.check(spec)
    return spec


def build(spec: ActionSpec, clock: Clock) -> Enforcer | Notifier:
    """Make the action that a jail asks for."""
    kind, _ = find(spec.type_name)
    builder = cast("Builder", importlib.import_module(kind.module).build)
    return builder(spec, clock)


def place_of(spec: ActionSpec) -> Place | None:
    """Tell where an action keeps bans; None where it has no place that another could take."""
    kind, _ = find(spec.type_name)
    if not kind.has_place:
        return None
    return Place(spec.type_name, cast("str", spec.parameters["name"]) or spec.jail)


def asks_for_captures(spec: ActionSpec) -> bool:
    """Tell whether an action may ask a ban what was captured from the last line behind it."""
    return spec.type_name == COMMAND.name


def target_of(spec: ActionSpec) -> Place | None:
    """Tell where a jail's bans are by this action; None where that is nowhere in particular."""
    kind, _ = find(spec.type_name)
    if kind.target is not None:
        return Place(spec.type_name, kind.target(spec))
    return place_of(spec)


def suspends(spec: ActionSpec) -> bool:
    """Tell whether an action can keep a user at an address out, and let others there go on."""
    kind, _ = find(spec.type_name)
    return kind.suspends is not None and kind.suspends(spec)


def programs_of(spec: ActionSpec) -> Iterable[Sequence[str]]:
    """Give the command lines of what an action runs, in words."""
    kind, _ = find(spec.type_name)
    return () if kind.programs is None else kind.programs(spec)


def files_of(spec: ActionSpec) -> Iterable[Path]:
    """Give the files that an action reads, by its own parameters."""
    kind, _ = find(spec.type_name)
    return () if kind.files is None else kind.files(spec)


def take(place: Place, bans: Collection[Ban]) -> None:
    """Take bans out of a place whose enforcer is not there; it blocks, and raises ActionError."""
    kind, _ = find(place.type_name)
    remove = cast(
        "Callable[[str, Collection[Ban]], None]", importlib.import_module(kind.module).take
    )
    remove(place.name, bans)


def sweep(type_name: str, keep: Collection[str]) -> list[str]:
    """Remove what enforcers of a type have left outside under other names than these; name it.

    It blocks, and raises ActionError where that can't be done.
    """
    kind, _ = find(type_name)
    remove = cast(
        "Callable[[Collection[str]], list[str]]", importlib.import_module(kind.module).sweep
    )
    return remove(keep)
