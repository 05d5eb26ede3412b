# SPDX-License-Identifier: MIT
"""Subjects, entries of the allow list and spans as they are typed, and as they are to be typed."""

from __future__ import annotations

import re
import shlex

import click

from logban.addresses import canonical_address, canonical_network
from logban.client.meant import meant
from logban.durations import parse_duration
from logban.model import Subject, SubjectKind
from logban.text import visible

_USER = "user:"
_EXAMPLES = "write for instance 198.51.100.7, 2001:db8::7 or 198.51.100.0/24"
# RFC 1123 host names, underscores let through; the last label is never all digits, so that a
# mistyped address does not pass for a name.
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE | re.ASCII)


def parse_subject(text: str) -> Subject:
    """Read an address, a network, ``user@address`` or ``user:name``; ValueError if it is none.

    An IPv6 address stays one: under which network it counts is the daemon's to know.
    """
    if text.startswith(_USER) and text != _USER:
        return Subject(SubjectKind.USER, user=text.removeprefix(_USER))
    user, at, address = text.rpartition("@")
    try:
        if at and user:
            return Subject(SubjectKind.USER_IP, canonical_address(address), user)
        return Subject.parse(text, ipv6_prefix=128)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no address and no network; {meant(text) or _EXAMPLES}"
        ) from error


def typed(subject: Subject) -> str:
    """Give the word that stands for a subject in a shell, quoted: a user's name is hostile text."""
    prefix = _USER if subject.kind is SubjectKind.USER else ""
    return shlex.quote(visible(f"{prefix}{subject}"))


def parse_entry(text: str) -> str:
    """Read an address, a network or a name for the allow list; ValueError if it is none."""
    try:
        return canonical_network(text) if "/" in text else canonical_address(text)
    except ValueError:
        last = text.rstrip(".").rpartition(".")[2]
        if len(text) <= 253 and _NAME.fullmatch(text) and not last.isdigit():
            return text.lower().rstrip(".")
    raise ValueError(
        f"{text!r} is no address, no network and no name; "
        f"{meant(text) or 'write for instance 198.51.100.7, 2001:db8::/32 or office.example.net'}"
    )


def subjects_callback(
    _: click.Context, __: click.Parameter, value: tuple[str, ...]
) -> tuple[Subject, ...]:
    """Read the subjects of a command line."""
    try:
        return tuple(dict.fromkeys(map(parse_subject, value)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def subject_callback(_: click.Context, __: click.Parameter, value: str) -> Subject:
    """Read the one subject of a command line."""
    try:
        return parse_subject(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def span_callback(_: click.Context, __: click.Parameter, value: str | None) -> float | str | None:
    """Read a span of a command line; "forever" stays as it is."""
    if value is None or value == "forever":
        return value
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}, or forever") from error
    if seconds <= 0:
        raise click.BadParameter("a span must be longer than nothing")
    return seconds
