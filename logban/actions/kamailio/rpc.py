# SPDX-License-Identifier: MIT
"""Kamailio's JSON-RPC: what is asked, what is answered, and what can go wrong, in sentences.

A request is made here and nowhere else.  A ``method`` that is no string crashes the whole proxy
(5.6 to 6.1), text in the place of a number is read as 0, and much that is wrong is answered with
``{"result": {}}``: so the methods are an enumeration, the parameters texts and 32-bit integers,
and an answer counts only if it bears the request's number and has the form that was expected.
"""

from __future__ import annotations

import errno
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from logban.errors import ActionError
from logban.text import visible

ANSWER_WITHIN: Final = 2.0
"""Seconds in which Kamailio has to answer; on an idle host it takes some 50 us."""

REQUEST_LIMIT: Final = 60_000
"""Bytes of a request; Kamailio drops datagrams of more than 65455 without a word."""

ANSWER_LIMIT: Final = 1 << 24
"""Bytes of an answer that are taken; a table of 100,000 entries has some 8 MB."""

LONGEST_TEXT: Final = 4096

_numbers = random.SystemRandom()


class Method(StrEnum):
    """The methods that logban calls."""

    UPTIME = "core.uptime"
    VERSION = "core.version"
    METHODS = "system.listMethods"
    HTABLE_TABLES = "htable.listTables"
    HTABLE_STATS = "htable.stats"
    HTABLE_DUMP = "htable.dump"
    HTABLE_GET = "htable.get"
    HTABLE_SETXI = "htable.setxi"
    HTABLE_SETEX = "htable.setex"
    HTABLE_DELETE = "htable.delete"
    SECFILTER_ADD_BL = "secfilter.add_bl"
    SECFILTER_ADD_WL = "secfilter.add_wl"
    SECFILTER_ADD_DST = "secfilter.add_dst"
    SECFILTER_DEL_BL = "secfilter.del_bl"
    SECFILTER_DEL_WL = "secfilter.del_wl"
    SECFILTER_DEL_DST = "secfilter.del_dst"
    SECFILTER_PRINT = "secfilter.print"
    SECFILTER_RELOAD = "secfilter.reload"
    SECFILTER_STATS = "secfilter.stats"
    SECFILTER_STATS_RESET = "secfilter.stats_reset"
    ADDRESS_RELOAD = "permissions.addressReload"
    ADDRESS_DUMP = "permissions.addressDump"
    SUBNET_DUMP = "permissions.subnetDump"
    DOMAIN_DUMP = "permissions.domainDump"
    PIKE_TOP = "pike.top"

    @property
    def module(self) -> str:
        """The module of Kamailio that has it."""
        return {"core": "kex", "system": "jsonrpcs"}.get(self.value.partition(".")[0]) or (
            self.value.partition(".")[0]
        )


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure of an answer; Kamailio repeats keys, so they are kept as pairs, in order."""

    pairs: tuple[tuple[str, Value], ...]

    def get(self, name: str) -> Value:
        """Give the first value of that name, None if there is none."""
        return next((value for key, value in self.pairs if key == name), None)


Value: TypeAlias = "bool | int | float | str | list[Value] | Struct | None"
"""What Kamailio answers with."""


@dataclass(frozen=True, slots=True)
class Call:
    """A method and its parameters; ValueError on what Kamailio would misunderstand."""

    method: Method
    parameters: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.method, Method):
            raise TypeError(f"{self.method!r} is no method")
        for parameter in self.parameters:
            _check_parameter(parameter)


def _check_parameter(parameter: str | int) -> None:
    if isinstance(parameter, bool) or not isinstance(parameter, str | int):
        raise TypeError(f"{parameter!r} is neither a text nor a number")
    if isinstance(parameter, int):
        if not -(2**31) <= parameter < 2**31:
            raise ValueError(f"{parameter} does not fit into 32 bits")
        return
    if not parameter or len(parameter) > LONGEST_TEXT:
        raise ValueError(f"a text has 1 to {LONGEST_TEXT} characters")
    if any(ord(each) < 0x20 or ord(each) == 0x7F or _is_surrogate(each) for each in parameter):
        raise ValueError(f"{visible(parameter, 60)!r} holds what Kamailio can't be told")


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


class Unavailable(ActionError):
    """Kamailio gave no usable answer; what it was asked may have been done all the same."""


class Refused(ActionError):
    """Kamailio answered that it could not do what it was asked."""

    def __init__(self, call: Call, code: int, text: str) -> None:
        self.code = code
        self.text = text
        shown = visible(text, 200)
        sentence = f"Kamailio refused {call.method}: {shown} ({code})"
        if text == "Method Not Found":
            sentence = (
                f"Kamailio does not know {call.method}: load its module {call.method.module} "
                f'(loadmodule "{call.method.module}.so" in kamailio.cfg) and restart it'
            )
        super().__init__(sentence)


class Unexpected(ActionError):
    """Kamailio answered with something that is no success of what it was asked."""

    def __init__(self, call: Call, value: object) -> None:
        super().__init__(
            f"Kamailio answered {call.method} with {visible(repr(value), 120)}, "
            "which is not what it answers when it has done it"
        )


Answer: TypeAlias = "Value | Refused"


class Rpc(Protocol):
    """A way to call Kamailio; ``where`` is what it is called in messages."""

    where: str

    def call_many(self, calls: Sequence[Call]) -> list[Answer]:
        """Make calls and give their answers in order; Unavailable if one of them gets none.

        Then any of them may have been carried out, so only what may be done twice is asked again.
        """
        ...

    def close(self) -> None:
        """Let go of sockets."""
        ...


def call(rpc: Rpc, method: Method, *parameters: str | int) -> Value:
    """Make one call and give its answer; Refused or Unavailable if there is none."""
    (answer,) = rpc.call_many([Call(method, parameters)])
    if isinstance(answer, Refused):
        raise answer
    return answer


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the number of the request, and its result or its error."""

    number: int
    value: Value
    code: int | None = None
    text: str = ""

    def answer(self, to: Call) -> Answer:
        """Give it as the answer to a call."""
        return self.value if self.code is None else Refused(to, self.code, self.text)


def new_number() -> int:
    """Give a request's number; nobody who can write to our socket can guess it."""
    return _numbers.getrandbits(30) + 1


def encode(request: Call, number: int, *, reply_name: str = "") -> bytes:
    """Write a request; ValueError if it is longer than Kamailio takes."""
    message: dict[str, object] = {
        "jsonrpc": "2.0",
        "method": str(request.method),
        "params": list(request.parameters),
        "id": number,
    }
    if reply_name:
        message["reply_name"] = reply_name
    data = json.dumps(message).encode("ascii")
    if len(data) > REQUEST_LIMIT:
        raise ValueError(f"the request has {len(data)} bytes and Kamailio takes {REQUEST_LIMIT}")
    return data


def decode(data: bytes) -> Reply | None:
    """Read what came back; None if it is no reply of JSON-RPC to a numbered request."""
    try:
        message = json.loads(data.decode("utf-8", "replace"), object_pairs_hook=_struct)
    except (ValueError, RecursionError):
        return None
    number = message.get("id") if isinstance(message, Struct) else None
    if not isinstance(message, Struct) or not isinstance(number, int) or isinstance(number, bool):
        return None
    error = message.get("error")
    names = {name for name, _ in message.pairs}
    if "error" not in names:
        return Reply(number, message.get("result")) if "result" in names else None
    code = error.get("code") if isinstance(error, Struct) else None
    text = error.get("message") if isinstance(error, Struct) else None
    if isinstance(code, int) and not isinstance(code, bool) and isinstance(text, str):
        return Reply(number, None, code, text)
    return None


def _struct(pairs: list[tuple[str, Value]]) -> Struct:
    return Struct(tuple(pairs))


def structs(call_made: Call, value: Value) -> list[Struct]:
    """Give an answer that is to be a list of structures; Unexpected if it is none."""
    if not isinstance(value, list):
        raise Unexpected(call_made, value)
    found = [each for each in value if isinstance(each, Struct)]
    if len(found) != len(value):
        raise Unexpected(call_made, value)
    return found


def unreachable(where: str, error: OSError) -> Unavailable:
    """Say what an error of the system means for whoever wants to talk to Kamailio."""
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            said = (
                f"there is no RPC socket {where}: Kamailio is not running, or listens elsewhere. "
                "Start it (systemctl start kamailio), or name its socket with socket="
            )
        case errno.ECONNREFUSED | errno.ENXIO:
            said = (
                f"nobody listens at {where}: Kamailio has ended and left it behind. "
                "Start it (systemctl start kamailio)"
            )
        case errno.EACCES | errno.EPERM:
            said = (
                f"logban may not use {where}: put its user into Kamailio's group "
                "(usermod -aG kamailio logban) and restart it"
            )
        case errno.EPROTOTYPE | errno.ENOTSOCK | errno.EINVAL:
            said = (
                f"{where} is there, but is not of the kind it was said to be; socket= takes the "
                "path of jsonrpcs' datagram socket, fifo:PATH or http://HOST:PORT/RPC"
            )
        case _:
            said = f"Kamailio can't be asked at {where}: {error.strerror or error}"
    return Unavailable(said)


def silent(where: str, seconds: float, strays: int = 0) -> Unavailable:
    """Say that no answer came; ``strays`` is the number of messages that were none."""
    if strays:
        return Unavailable(
            f"Kamailio at {where} has not answered within {seconds:g} s; what came instead, "
            f"{strays} times, was no answer to what it had been asked"
        )
    return Unavailable(
        f"Kamailio at {where} has not answered within {seconds:g} s: it is stopped, hangs or is "
        "too busy, or it may not write to logban's socket. See its log"
    )


def clogged(where: str, seconds: float) -> Unavailable:
    """Say that Kamailio does not fetch what is sent to it."""
    return Unavailable(
        f"Kamailio at {where} has not taken a request for {seconds:g} s, its queue is full: it is "
        "stopped, hangs or is too busy. See its log"
    )


def garbled(where: str, what: str) -> Unavailable:
    """Say that what came back can't be an answer of Kamailio."""
    return Unavailable(
        f"what answers at {where} does not speak as Kamailio does: {visible(what, 300)}"
    )
