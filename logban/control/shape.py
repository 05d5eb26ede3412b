# SPDX-License-Identifier: MIT
"""Frozen dataclasses to and from JSON, by their fields.

Reading is strict in what it knows and lenient in what it does not: a key that the class lacks
is passed over, a key that has a default may be missing, a value of another type is an error.
So a client understands a daemon that is a little older or newer than itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TypeVar, cast, get_args, get_origin, get_type_hints

from logban.model import Subject

T = TypeVar("T")
_Reader = Callable[[object], object]


class ShapeError(ValueError):
    """A value has another shape; the message begins with where: ``bans[3].until``."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.problem = problem
        self.path = path

    def below(self, place: str) -> ShapeError:
        """Give the same error as seen from the value around."""
        joint = "." if self.path and not self.path.startswith("[") else ""
        return ShapeError(self.problem, f"{place}{joint}{self.path}")


def plain(value: object) -> object:
    """Give the JSON form of a dataclass, one level deep; the ``default`` of :func:`json.dumps`."""
    if is_dataclass(value) and not isinstance(value, type):
        return shallow(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def shallow(value: object) -> dict[str, object]:
    """Give a dataclass's fields by name, their values as they are."""
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} is no dataclass")
    return {part.name: named(getattr(value, part.name)) for part in fields(value)}


def named(value: object) -> object:
    """Give a subject, or several, by the names of their parts; anything else as it is.

    To JSON a subject would be a list: it is a tuple.
    """
    if isinstance(value, Subject):
        return value.to_json()
    if isinstance(value, tuple | list) and value and isinstance(value[0], Subject):
        return [named(each) for each in value]
    return value


def read(shape: type[T], value: object) -> T:
    """Give the dataclass that a JSON object stands for; ShapeError if it does not."""
    return cast("T", _reader(cast("Hashable", shape))(value))


@cache
def _reader(shape: Hashable) -> _Reader:
    """Make the reader of one type; made once, because a list can hold 100 000 bans."""
    if isinstance(shape, UnionType):
        (inner,) = (part for part in get_args(shape) if part is not NoneType)
        return _optional(_reader(inner))
    if get_origin(shape) is tuple:
        return _sequence(_reader(get_args(shape)[0]))
    if shape in _READERS:
        return _READERS[shape]
    if isinstance(shape, type) and issubclass(shape, Enum):
        return _member(shape)
    if isinstance(shape, type) and is_dataclass(shape):
        return _object(shape)
    raise TypeError(f"{shape!r} has no form in JSON")


def _optional(inner: _Reader) -> _Reader:
    return lambda value: None if value is None else inner(value)


def _sequence(inner: _Reader) -> _Reader:
    def read_sequence(value: object) -> object:
        if not isinstance(value, list):
            raise _unlike(value, "a list")
        items = []
        for index, item in enumerate(value):
            try:
                items.append(inner(item))
            except ShapeError as error:
                raise error.below(f"[{index}]") from None
        return tuple(items)

    return read_sequence


def _object(shape: type) -> _Reader:
    hints = get_type_hints(shape)
    build = cast("Callable[..., object]", shape)
    parts = [
        (part.name, _reader(hints[part.name]), part.default is MISSING) for part in fields(shape)
    ]

    def read_object(value: object) -> object:
        if not isinstance(value, Mapping):
            raise _unlike(value, "an object")
        known: dict[str, object] = {}
        for name, inner, needed in parts:
            if name in value:
                try:
                    known[name] = inner(value[name])
                except ShapeError as error:
                    raise error.below(name) from None
            elif needed:
                raise ShapeError("is missing", name)
        return build(**known)

    return read_object


def _member(shape: type[Enum]) -> _Reader:
    def read_member(value: object) -> object:
        try:
            return shape(value)
        except ValueError:
            raise _unlike(value, "one of " + ", ".join(str(item.value) for item in shape)) from None

    return read_member


def _scalar(shape: type, name: str) -> _Reader:
    def read_scalar(value: object) -> object:
        if type(value) is not shape:  # not isinstance: True is an int to Python, not to JSON
            raise _unlike(value, name)
        return value

    return read_scalar


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unlike(value, "a number")
    try:
        number = float(value)
    except OverflowError:
        raise ShapeError("is too large a number") from None
    if number in (float("inf"), float("-inf")):
        raise ShapeError("is too large a number")
    return number


def _subject(value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise _unlike(value, "a subject")
    try:
        return Subject.from_json(value)
    except ValueError as error:
        raise ShapeError(f"is no subject: {error}") from error


_READERS: Mapping[Hashable, _Reader] = {
    str: _scalar(str, "a text"),
    int: _scalar(int, "a whole number"),
    bool: _scalar(bool, "true or false"),
    float: _number,
    Subject: _subject,
}


def _unlike(value: object, wanted: str) -> ShapeError:
    return ShapeError(f"must be {wanted}, not {value!r:.60}")
