# SPDX-License-Identifier: MIT
"""The words in which an action declares itself: its name, its parameters, what a jail asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from logban.actions.protocols import Enforcer, Notifier
from logban.clock import Clock
from logban.model import Origin, Subject, SubjectKind

T = TypeVar("T")


class ParameterError(ValueError):
    """An action was given a parameter that it does not know or cannot take.

    ``known`` are the names that could have been meant; empty where the value is at fault.
    """

    def __init__(self, message: str, parameter: str = "", known: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.known = known


class UnknownAction(ValueError):
    """No action of that name; ``known`` are those that there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no action {name!r}")
        self.name = name
        self.known = known


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that an action can be told: its name, how its text is read, what holds without it.

    ``parse`` raises ValueError with a sentence for the admin.  ``ignored`` is the reason why
    fail2ban's parameter of that name is taken and not followed; "" where it is followed.
    """

    name: str
    parse: Callable[[str], object]
    default: object
    doc: str
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class ActionType:
    """An action as the catalogue knows it; ``module`` is where its ``build`` function lives.

    ``aliases`` are fail2ban's names for it; each may bring defaults of its own, as the text
    that an admin would have written.  ``check`` raises ParameterError where parameters that are
    right one by one do not go together.  ``has_place`` says that its parameter ``name`` names
    something outside that belongs to one enforcer alone, and that the module's ``sweep`` removes.
    ``target`` names where bans are kept in company: an action of the same jail with the same target
    takes them over.  ``remarks`` say of some of the aliases what fail2ban's action of that name
    does and this one does not.  ``suspends`` tells whether it can keep a user at an address out.
    ``programs`` gives the command lines of what it runs, in words; ``files`` what it reads.
    """

    name: str
    module: str
    parameters: tuple[Parameter, ...]
    doc: str
    aliases: Mapping[str, Mapping[str, str]]
    check: Callable[[ActionSpec], None] | None = None
    has_place: bool = False
    target: Callable[[ActionSpec], str] | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    suspends: Callable[[ActionSpec], bool] | None = None
    programs: Callable[[ActionSpec], Iterable[Sequence[str]]] | None = None
    files: Callable[[ActionSpec], Iterable[Path]] | None = None


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action as a jail asks for it.

    ``written`` is the name in the jail file, ``type_name`` the action that it selects,
    ``parameters`` every parameter of that action, parsed, defaults filled in.
    ``notes`` are sentences for ``check``: what was taken and not followed, and why.  ``origin``
    is where it is written, and makes no difference between two of them.  ``only`` names the one
    kind of subject that the action is for: ``user-ip``, ``user`` or ``net``; "" is for all.
    """

    jail: str
    written: str
    type_name: str
    parameters: Mapping[str, object]
    notes: tuple[str, ...] = ()
    origin: Origin | None = field(default=None, compare=False)
    only: str = ""

    def is_for(self, subject: Subject) -> bool:
        """Tell whether a subject is of the kind that the action is for.

        A network is one of many addresses: an IPv6 address's own has 64 bits, and is a place.
        """
        if self.only != SubjectKind.NET:
            return self.only in ("", subject.kind)
        length = subject.network.partition("/")[2]
        return subject.kind is SubjectKind.NET and (":" not in subject.network or int(length) < 64)

    def value(self, parameter: str, kind: type[T]) -> T:
        """Give a parameter's value, whose type its ``parse`` and its default have settled."""
        value = self.parameters[parameter]
        if not isinstance(value, kind):
            raise TypeError(f"{parameter} of {self.written} is no {kind.__name__}: {value!r}")
        return value

    def optional(self, parameter: str, kind: type[T]) -> T | None:
        """Give a parameter's value, or None where the jail does not say."""
        return None if self.parameters[parameter] is None else self.value(parameter, kind)


def yes_or_no(text: str) -> bool:
    """Read a parameter that is either; ValueError for anything else."""
    word = text.strip().lower()
    if word in {"yes", "true", "on", "1"}:
        return True
    if word in {"no", "false", "off", "0"}:
        return False
    raise ValueError(f"{text!r} is neither yes nor no")


class Builder(Protocol):
    """What an action's module offers under the name ``build``."""

    def __call__(self, spec: ActionSpec, clock: Clock) -> Enforcer | Notifier:
        """Make the action; touch nothing outside the process yet."""
        ...
