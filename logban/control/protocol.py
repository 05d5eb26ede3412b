# SPDX-License-Identifier: MIT
"""What goes over the control socket: one JSON object a line, each way, answered in order.

    {"schema": "logban/1", "command": "status", "arguments": {"jail": "asterisk"}}
    {"schema": "logban/1", "ok": true, ...}
    {"schema": "logban/1", "ok": false, "error": {"message": ..., "exit_code": 5, "kind": ...}}

Both programs use this module, so it imports nothing heavy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from logban.errors import LogbanError, UsageError

SCHEMA = "logban/1"
REQUEST_LIMIT = 1 << 20
"""The greatest length of a request in bytes, its LF included."""

_BATCH = 500  # items of a list written in one go: a few milliseconds of the daemon's loop
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class MalformedRequest(UsageError):
    """The client sent something that is no request."""


class MalformedAnswer(LogbanError):
    """The daemon sent something that is no answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command and what it is told."""

    command: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request could not be followed; ``kind`` is the error's class in kebab case."""

    message: str
    exit_code: int
    kind: str

    @classmethod
    def of(cls, error: LogbanError) -> Refusal:
        """Give the refusal that tells of this error.

        >>> Refusal.of(UsageError("no such command")).kind
        'usage-error'
        """
        kind = _CAPITAL.sub("-", type(error).__name__).lower()
        return cls(str(error), error.exit_code, kind)


class Refused(LogbanError):
    """The daemon answered that it could not do what was asked."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def encode_request(request: Request) -> bytes:
    """Write a request; UsageError if it is longer than the daemon takes."""
    message = {"schema": SCHEMA, "command": request.command, "arguments": request.arguments}
    line = _dump(message) + b"\n"
    if len(line) > REQUEST_LIMIT:
        raise UsageError(
            f"the request has {len(line)} bytes and the daemon takes {REQUEST_LIMIT}: "
            "give fewer arguments at a time"
        )
    return line


def decode_request(line: bytes) -> Request:
    """Read a request; MalformedRequest if it is none."""
    message = _load(line, MalformedRequest)
    command, arguments = message.get("command"), message.get("arguments", {})
    if not isinstance(command, str):
        raise MalformedRequest('the request has no "command" that is a text')
    if not isinstance(arguments, dict):
        raise MalformedRequest('"arguments" of the request is no object')
    return Request(command, arguments)


def encode_answer(
    payload: Mapping[str, object], default: Callable[[object], object] | None = None
) -> Iterator[bytes]:
    """Write the answer to a request that was followed, in pieces that each take little time.

    ``default`` turns what JSON does not know into what it does, as for :func:`json.dumps`.
    """
    yield _dump({"schema": SCHEMA, "ok": True})[:-1]
    for name, value in payload.items():
        yield b", " + _dump(name) + b": "
        if isinstance(value, list | tuple) and len(value) > _BATCH:
            for start in range(0, len(value), _BATCH):
                items = _dump(value[start : start + _BATCH], default)[1:-1]
                yield (b", " if start else b"[") + items
            yield b"]"
        else:
            yield _dump(value, default)
    yield b"}\n"


def encode_refusal(refusal: Refusal) -> bytes:
    """Write the answer to a request that could not be followed."""
    return _dump(refusal_object(refusal)) + b"\n"


def refusal_object(refusal: Refusal) -> dict[str, object]:
    """Give the form of a refusal that scripts see."""
    error = {"message": refusal.message, "exit_code": refusal.exit_code, "kind": refusal.kind}
    return {"schema": SCHEMA, "ok": False, "error": error}


def decode_answer(line: bytes) -> dict[str, object]:
    """Read an answer, all its keys; Refused if it is a refusal, MalformedAnswer if it is none."""
    message = _load(line, MalformedAnswer)
    if message.get("ok") is True:
        return message
    error = message.get("error")
    if not isinstance(error, dict):
        raise MalformedAnswer('the answer says neither "ok" nor what went wrong')
    text, code, kind = error.get("message"), error.get("exit_code"), error.get("kind")
    if not isinstance(text, str) or not isinstance(kind, str):
        raise MalformedAnswer('the answer has an "error" without a message or a kind')
    if not isinstance(code, int) or isinstance(code, bool) or not 0 < code < 256:
        raise MalformedAnswer(f'the answer has an "error" with exit code {code!r}')
    raise Refused(Refusal(text, code, kind))


def _dump(value: object, default: Callable[[object], object] | None = None) -> bytes:
    """Write JSON in ASCII: log text may hold what UTF-8 can't, such as bytes that were no text."""
    return json.dumps(value, allow_nan=False, default=default).encode("ascii")


def _load(line: bytes, error_class: type[LogbanError]) -> dict[str, object]:
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise error_class(f"not UTF-8: byte {error.start} is {line[error.start]:#04x}") from error
    except RecursionError as error:
        raise error_class("not JSON that can be read: nested too deeply") from error
    except ValueError as error:
        raise error_class(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise error_class("not a JSON object")
    if message.get("schema") != SCHEMA:
        raise error_class(f'"schema" is {message.get("schema")!r:.40} and must be {SCHEMA!r}')
    return message


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number")
