# SPDX-License-Identifier: MIT
"""Where jails keep their bans: no two enforcers in one place, they would lift each other's bans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from logban.actions.catalogue import Place, place_of
from logban.actions.declaration import ActionSpec
from logban.config.files.text import BUILT_IN
from logban.config.problem import Problem, error, warning
from logban.config.settings import MANUAL, JailSettings

_HINT = "give one of them another name="


def in_others_places(jails: Mapping[str, JailSettings]) -> dict[str, tuple[Problem, ...]]:
    """Give the jails that would keep bans in an earlier one's place, each with its errors."""
    taken: dict[Place, ActionSpec] = {}
    found: dict[str, tuple[Problem, ...]] = {}
    for name, settings in jails.items():
        own: dict[Place, ActionSpec] = {}
        problems = []
        for spec in settings.actions:
            place = place_of(spec)
            if place is None:
                continue
            first = taken.get(place) or own.setdefault(place, spec)
            if place.name == MANUAL:
                message = f"action {spec.written!r}: the name {MANUAL!r} is kept for bans by hand"
                problems.append(_error(spec, message))
            elif first is not spec:
                problems.append(_error(spec, _shared(spec, place, first)))
        if problems:
            found[name] = tuple(problems)
        else:
            taken |= own
    return found


def part_by_hand(
    manual: JailSettings, jails: Mapping[str, JailSettings]
) -> tuple[JailSettings, tuple[Problem, ...]]:
    """Give the jail for bans by hand places of its own: what [DEFAULT] says is for the others."""
    taken = {place_of(spec): spec for jail in jails.values() for spec in jail.actions}
    problems = []
    kept: dict[Place | int, ActionSpec] = {}
    for number, spec in enumerate(manual.actions):
        place = place_of(spec)
        if place is None:
            kept[number] = spec
            continue
        if place in taken:
            message = (
                f"{_shared(spec, place, taken[place])}; bans by hand are kept under {MANUAL!r}"
            )
            problems.append(_warning(spec, message))
            place = Place(place.type_name, MANUAL)
            spec = replace(spec, parameters={**spec.parameters, "name": MANUAL})  # noqa: PLW2901  # moved
        first = kept.setdefault(place, spec)
        if first is not spec:
            problems.append(_error(spec, _shared(spec, place, first)))
    return replace(manual, actions=tuple(kept.values())), tuple(problems)


def _shared(spec: ActionSpec, place: Place, first: ActionSpec) -> str:
    return (
        f"action {spec.written!r} would share its chain and sets {place.name!r} with "
        f"{first.written!r} of [{first.jail}] ({first.origin or BUILT_IN})"
    )


def _error(spec: ActionSpec, message: str) -> Problem:
    return replace(error(spec.origin or BUILT_IN, message, _HINT), jail=spec.jail)


def _warning(spec: ActionSpec, message: str) -> Problem:
    return replace(warning(spec.origin or BUILT_IN, message, _HINT), jail=spec.jail)
