# SPDX-License-Identifier: MIT
r"""A command line of the admin's: split when the configuration is read, filled in for a ban.

Each argument is a template of its own, so no value can become two arguments.  What attackers
write (user names, log lines) goes in with its control characters escaped.  An argument that
begins with ``-`` only because of a value has that dash written as ``\x2d``, unless the command
line has an argument ``--`` before it: nobody becomes an option by his name, and nobody escapes a
ban by it either, as he would if the command were refused.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from jinja2 import Template

from logban.actions.templates import ARGUMENT, compiled, rendered
from logban.model import Ban, BanOrigin, Evidence, Subject, SubjectKind
from logban.text import visible

_LINES: Final = 20  # of evidence handed on; Linux takes at most 128 KiB in one argument

_BLOCK = re.compile(
    r"""\{\{ (?: [^"'}] | "[^"]*" | '[^']*' | \}(?!\}) )* \}\}   # {{ value }}
      | \{% (?: [^"'%] | "[^"]*" | '[^']*' | %(?!\}) )* %\}      # {% statement %}
    """,
    re.VERBOSE,
)
# fail2ban's way to write a value; here it would reach the program as it stands.
_TAG = re.compile(r"<(?:ip|family|failures|time|bantime|bancount|matches|name|F-[A-Z_]+)>")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A program and the templates of its arguments, split once and for all."""

    event: str
    text: str
    arguments: tuple[tuple[str, Template], ...] = field(compare=False)
    """Each argument as it was written, and compiled."""

    @classmethod
    def parse(cls, event: str, text: str) -> CommandLine:
        """Split and compile a command line; ValueError if it could not be run for any ban."""
        values = _sample(event)
        tag = _TAG.search(text)
        if tag is not None:
            raise ValueError(f"{tag.group()} is fail2ban's; write {{{{ {_like(tag, values)} }}}}")
        words = _split(text)
        if not words:
            raise ValueError("there is no command")
        if _BLOCK.search(words[0]) or words[0].startswith("-"):
            raise ValueError(f"the program must be named as it is, and not {words[0]!r}")
        arguments = tuple((word, compiled(ARGUMENT, word, values)) for word in words)
        line = cls(event, text, arguments)
        for number, (word, argument) in enumerate(zip(words, line.argv(values), strict=True)):
            if argument.startswith("\\x2d") and not word.startswith("\\x2d"):
                raise ValueError(
                    f"argument {number} ({word!r}) begins with - only when it is filled in; "
                    "write the - in front of the braces"
                )
        return line

    def argv(self, values: Mapping[str, object]) -> list[str]:
        """Fill in the arguments; ValueError if that can't be done."""
        argv: list[str] = []
        guarded = False
        for word, template in self.arguments:
            argument = rendered(template, values)
            if "\0" in argument:
                raise ValueError(f"argument {len(argv)} ({word!r}) holds a NUL character")
            if argument.startswith("-") and not word.startswith("-") and not guarded:
                argument = f"\\x2d{argument[1:]}"
            guarded = guarded or argument == word == "--"
            argv.append(argument)
        return argv


def values_of(ban: Ban, now: float) -> dict[str, object]:
    """Give what a command can be told of a ban; -1 stands for "for ever", "" for what is not."""
    subject = ban.subject
    remaining = ban.remaining(now)
    family = "inet6" if ":" in subject.network else "inet"
    return {
        "jail": ban.jail,
        "ip": subject.network,
        "family": family if subject.network else "",
        "user": visible(subject.user, 1000),
        "subject": visible(str(subject), 1000),
        "kind": subject.kind.value,
        "time": int(ban.time),
        "until": -1 if ban.until is None else round(ban.until),
        "bantime": -1 if ban.until is None else round(ban.until - ban.time),
        "remaining": -1 if remaining is None else round(remaining),
        "failures": ban.failures,
        "bancount": max(1, ban.offence),
        "rule": ban.rule,
        "reason": visible(ban.reason, 1000),
        "origin": ban.origin.value,
        "lines": "\n".join(visible(evidence.line, 1000) for evidence in ban.evidence[-_LINES:]),
    }


def _sample(event: str) -> dict[str, object]:
    if event in {"start", "stop"}:
        return {"jail": "asterisk"}
    subject = Subject(SubjectKind.USER_IP, "192.0.2.1", "6003")
    evidence = (Evidence(0.0, "rule", "a line", "/var/log/asterisk/full"),)
    ban = Ban("asterisk", subject, 0.0, 600.0, 5, "rule", evidence, BanOrigin.HAND, "a reason")
    return values_of(ban, 0.0)


def _like(tag: re.Match[str], values: Mapping[str, object]) -> str:
    """Give our name for what fail2ban's tag means."""
    meant = tag.group()[1:-1]
    other = {"name": "jail", "matches": "lines", "F-USER": "user"}.get(meant, meant)
    return other if other in values else "jail"


def _split(text: str) -> list[str]:
    """Split a command line as a shell would, what stands in braces kept together."""
    if any(not (character.isprintable() or character.isspace()) for character in text):
        raise ValueError("it holds control characters or other invisible ones")
    blocks: list[str] = []

    def hide(block: re.Match[str]) -> str:
        blocks.append(block.group())
        return f"\0{len(blocks) - 1}\0"  # no NUL can be in the text: it was refused above

    try:
        words = shlex.split(_BLOCK.sub(hide, text))
    except ValueError as error:
        raise ValueError(f"the command line can't be split: {error}") from error
    return [re.sub("\0([0-9]+)\0", lambda found: blocks[int(found[1])], word) for word in words]
