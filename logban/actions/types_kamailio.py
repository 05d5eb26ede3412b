# SPDX-License-Identifier: MIT
"""The actions that ban at Kamailio: what they can be told in a jail file.

Read whenever the configuration is; what speaks to Kamailio is in the modules named here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from logban.actions.declaration import ActionSpec, ActionType, Parameter, ParameterError, yes_or_no
from logban.actions.kamailio.lists import Lists, read_lists
from logban.actions.kamailio.transports import RpcAddress, Way
from logban.actions.kamailio.userban import UserKey
from logban.actions.traffic import one_of
from logban.durations import parse_duration

RPC_SOCKET = RpcAddress(Way.DATAGRAM, "/run/kamailio/kamailio_rpc.sock")
CONTROL_SOCKET = Path("/run/kamailio/kamailio_ctl")
ADDRESS_FILE = Path("/etc/kamailio/logban.list")
LISTS = Path("/etc/logban/lists.d")
"""Where Debian's Kamailio has its sockets, and logban its files."""

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


def _table(text: str) -> str:
    written = text.strip()
    if not _WORD.fullmatch(written):
        raise ValueError(f"{text!r} is no name of an htable")
    return written


def _path(text: str) -> Path:
    path = Path(text.strip())
    if not path.is_absolute() or not str(path).isprintable():
        raise ValueError(f"{text!r} is no absolute path")
    return path


def _seconds(text: str) -> float:
    seconds = parse_duration(text)
    if not 0 < seconds <= 60:
        raise ValueError("a time limit is more than 0 seconds and at most a minute")
    return seconds


def _group(text: str) -> int:
    written = text.strip()
    if not (written.isascii() and written.isdigit()) or not 0 < int(written) < 2**31:
        raise ValueError(f"{text!r} is no group; write a number from 1 on")
    return int(written)


def _key(text: str) -> UserKey:
    try:
        return UserKey(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is none of {', '.join(UserKey)}") from None


_SOCKET = Parameter(
    "socket",
    RpcAddress.parse,
    RPC_SOCKET,
    "Kamailio's RPC: the path of jsonrpcs' datagram socket, fifo:PATH, or http://HOST:PORT/RPC",
)
_COMMON = (
    _SOCKET,
    Parameter("timeout", _seconds, 2.0, "how long Kamailio may take for an answer"),
    Parameter(
        "reply",
        _path,
        None,
        "where answers are taken: a path for a socket (for a Kamailio in another network "
        "namespace), or the directory of the FIFO's (without it /tmp)",
    ),
)
_CONTROL = Parameter(
    "ctl",
    _path,
    CONTROL_SOCKET,
    "the socket of module ctl: before 5.7 only there secfilter's lists can be read",
)


def _check_reply(spec: ActionSpec) -> None:
    """Raise ParameterError where ``reply`` would not be used."""
    if (
        spec.optional("reply", Path) is not None
        and spec.value("socket", RpcAddress).way is Way.HTTP
    ):
        raise ParameterError("over HTTP answers come by themselves, without `reply`", "reply")


def _target(*names: str) -> Callable[[ActionSpec], str]:
    def target(spec: ActionSpec) -> str:
        return " ".join(str(spec.parameters[name]) for name in names)

    return target


def _check_lists(spec: ActionSpec) -> None:
    """Raise ParameterError where no directory is named."""
    _check_reply(spec)
    if spec.parameters["lists"] is None:
        raise ParameterError(f"name the directory of the lists: lists={LISTS}", "lists")


def _files_of_lists(spec: ActionSpec) -> Iterator[Path]:
    directory = spec.value("lists", Lists).directory
    return iter((directory, *sorted(directory.glob("*.list"))))


HTABLE = ActionType(
    name="kamailio-htable",
    module="logban.actions.kamailio.htable",
    doc="ban addresses by an htable of Kamailio's, each entry with its own end",
    parameters=(
        Parameter("table", _table, "logban", "the htable, which needs an autoexpire"),
        Parameter(
            "networks",
            yes_or_no,
            False,
            "yes where kamailio.cfg looks for the /64 of IPv6 addresses too, by the lines of "
            "docs/kamailio.md; without these it finds single addresses only",
        ),
        *_COMMON,
    ),
    aliases={},
    check=_check_reply,
    target=_target("socket", "table"),
)

USERBAN = ActionType(
    name="kamailio-userban",
    module="logban.actions.kamailio.userban",
    doc="suspend users, or users at an address, by an htable of Kamailio's",
    parameters=(
        Parameter("table", _table, "userban", "the htable; its autoexpire limits bantime"),
        Parameter(
            "key",
            _key,
            UserKey.ADDRESS_USER,
            "what kamailio.cfg looks for: $au (a user everywhere), $si::$au or $au::$si (a user "
            "at an address)",
        ),
        *_COMMON,
    ),
    aliases={},
    check=_check_reply,
    target=_target("socket", "table", "key"),
    suspends=lambda spec: spec.value("key", UserKey) is not UserKey.USER,
)

SECFILTER = ActionType(
    name="kamailio-secfilter",
    module="logban.actions.kamailio.secfilter",
    doc="ban by the blacklist of Kamailio's module secfilter, which compares beginnings",
    parameters=(
        Parameter(
            "type",
            one_of("ip", "user", "ua", "domain", "country"),
            "ip",
            "what is banned: ip, user; or ua, domain, country, as the filter has captured it",
        ),
        *_COMMON,
        _CONTROL,
    ),
    aliases={},
    check=_check_reply,
    target=_target("socket", "type"),
)

LISTS_TYPE = ActionType(
    name="kamailio-lists",
    module="logban.actions.kamailio.listing",
    doc="keep the lists of Kamailio's module secfilter as the files of lists.d have them",
    parameters=(
        Parameter(
            "lists",
            read_lists,
            None,
            f"the directory of *.list, for instance {LISTS}; it must be given",
        ),
        *_COMMON,
        _CONTROL,
    ),
    aliases={},
    check=_check_lists,
    files=_files_of_lists,
    target=_target("socket"),
)

ADDRESS = ActionType(
    name="kamailio-address",
    module="logban.actions.kamailio.address",
    doc="ban addresses and networks by the address file of Kamailio's module permissions",
    parameters=(
        Parameter("file", _path, ADDRESS_FILE, "the file that modparam address_file names"),
        Parameter("group", _group, 1, "the group that kamailio.cfg asks for"),
        *_COMMON,
    ),
    aliases={},
    check=_check_reply,
    target=_target("file"),
)

KAMAILIO_TYPES = (HTABLE, USERBAN, SECFILTER, ADDRESS, LISTS_TYPE)
