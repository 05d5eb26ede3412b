# SPDX-License-Identifier: MIT
"""From the text of a setting to its value; ValueError with a sentence where that cannot be."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Final

from logban.addresses import canonical_address, canonical_network
from logban.config.problem import did_you_mean
from logban.config.settings import Backend, LogPath, Start, UseDns
from logban.durations import parse_duration
from logban.matching.definition import Proof

_TRUE: Final = ("1", "on", "true", "yes")
_FALSE: Final = ("0", "off", "false", "no")
_PERMISSIONS: Final = re.compile(
    r"(?:(?P<group>[0-9]{1,9}):)?(?P<rpc>/[!-~]+|fifo:/[!-~]+|http://[!-~]+)", re.ASCII
)
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\.?$)(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?", re.ASCII)
_OFFSET: Final = re.compile(r"(?:UTC|GMT|Z)?[+-](?:0?\d|1[0-4])(?::?[0-5]\d)?|Z", re.IGNORECASE)
_LEVELS: Final = {
    "critical": "CRITICAL",
    "error": "ERROR",
    "warning": "WARNING",
    "notice": "INFO",
    "info": "INFO",
    "debug": "DEBUG",
    "tracedebug": "DEBUG",
    "heavydebug": "DEBUG",
}


def text(written: str) -> str:
    """Take it as it is; what it means is read elsewhere."""
    return written


def word(written: str) -> str:
    """Read one word."""
    if not re.fullmatch(r"[\w.\-]*", written):
        raise ValueError("it is to be a single word")
    return written


def proof(written: str) -> Proof:
    """Read what shows that an address is the true one."""
    try:
        return Proof(written)
    except ValueError:
        raise ValueError(f"it is none of {', '.join(Proof)}") from None


def boolean(written: str) -> bool:
    """Read yes or no, in the words that fail2ban takes."""
    if written.lower() in _TRUE:
        return True
    if written.lower() in _FALSE:
        return False
    raise ValueError("it is neither yes nor no")


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Make a reader of whole numbers within bounds."""

    def parse(written: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", written, re.ASCII):
            raise ValueError("it is no whole number")
        number = int(written)
        if number < least or (most is not None and number > most):
            raise ValueError("it is too small" if number < least else "it is too large")
        return number

    return parse


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Make a reader of spans of time within bounds."""

    def parse(written: str) -> float:
        span = parse_duration(written)
        if not least <= span <= most:
            raise ValueError("it is too small" if span < least else "it is too large")
        return span

    return parse


def duration(written: str) -> float:
    """Read a span of time longer than nothing."""
    span = parse_duration(written)
    if not 0 < span < float("inf"):
        raise ValueError("it is no span of time that passes")
    return span


def ban_duration(written: str) -> float | None:
    """Read how long a ban lasts; None for ever."""
    if written.lower() in ("-1", "forever", "permanent"):
        return None
    return duration(written)


def backend(written: str) -> Backend:
    """Read how the growth of files is noticed, in logban's words or in fail2ban's."""
    name = written.partition("[")[0].strip().lower()
    if name == "systemd":
        raise ValueError("the systemd journal is not read; let it be written to a file")
    if name in ("pyinotify", "inotify", "gamin"):
        return Backend.INOTIFY
    try:
        return Backend(name)
    except ValueError:
        raise ValueError("there is no such backend") from None


def log_path(written: str) -> LogPath:
    """Read a path or pattern with ``head`` or ``tail`` behind it."""
    pattern, _, last = written.rpartition(" ")
    start = Start.HEAD
    if last in ("head", "tail"):
        start = Start(last)
    else:
        pattern = written
    pattern = pattern.strip()
    if not pattern.startswith("/"):
        raise ValueError("a log file's path begins with '/'")
    if re.search(r"\s/", pattern):
        raise ValueError("write one path a line, the further ones indented")
    if "\0" in pattern:
        raise ValueError("a path has no NUL character")
    return LogPath(pattern, start)


def encoding(written: str) -> str:
    """Read a codec's name; ``auto`` is UTF-8."""
    if written.lower() == "auto":
        return "utf-8"
    ascii_bytes = bytes(range(128)) + rb"\x41"  # no escapes either
    try:
        same = ascii_bytes.decode(written, "replace") == ascii_bytes.decode("ascii")
        bytes(range(256)).decode(written, "replace")
    except (LookupError, ValueError):
        raise ValueError("there is no such encoding of text") from None
    if not same:
        raise ValueError("an encoding is needed that has ASCII's characters where ASCII has them")
    return written


def time_zone(written: str) -> str | None:
    """Read an IANA name or a fixed offset such as ``UTC+0200``; None if nothing is written."""
    if not written:
        return None
    if _OFFSET.fullmatch(written):
        return written
    try:
        zoneinfo.ZoneInfo(written)
    except (KeyError, ValueError, OSError):
        near = did_you_mean(written, zoneinfo.available_timezones())
        raise ValueError(f"there is no such time zone{', ' + near if near else ''}") from None
    return written


def exempt(written: str) -> str:
    """Read an address, a network or a name; give it in logban's one form."""
    try:
        return canonical_network(written) if "/" in written else canonical_address(written)
    except ValueError:
        last_label = written.rstrip(".").rpartition(".")[2]
        # A top-level domain begins with a letter; what does not is a mistyped address.
        if "/" in written or ":" in written or last_label[:1].isdigit():
            raise ValueError("it is no address, network or name") from None
    if not _HOST_NAME.fullmatch(written):
        raise ValueError("it is no address, network or name")
    return written.rstrip(".").lower()


def exempt_or_list(written: str) -> str:
    """Read an address, a network, a name, or where a list of those is.

    That is ``file:/path``, or ``kamailio:/path`` or ``kamailio:GROUP:/path`` for the address file
    of Kamailio's module permissions, group 1 where none is said; or ``permissions:GROUP:RPC`` for
    what Kamailio has in force, by its RPC.
    """
    kind, colon, path = written.partition(":")
    if colon and kind == "permissions":
        return _permissions(path)
    if not colon or kind not in ("file", "kamailio"):
        return exempt(written)
    group = ""
    if kind == "kamailio":
        group, _, path = path.rpartition(":")
        if not re.fullmatch(r"\d{0,9}", group, re.ASCII):
            raise ValueError("write kamailio:GROUP:/path, the group as a number")
        group = f"{int(group or 1)}:"
    if not path.startswith("/") or not path.strip("/") or "\0" in path:
        raise ValueError(f"write the file's whole path: {kind}:/etc/...")
    return f"{kind}:{group}/{path.lstrip('/')}"


def path_of_list(entry: str) -> Path | None:
    """Give the file that an entry, as it has been read, names; None if it names none."""
    kind, colon, rest = entry.partition(":")
    return Path(f"/{rest.partition('/')[2]}") if colon and kind in ("file", "kamailio") else None


def _permissions(written: str) -> str:
    found = _PERMISSIONS.fullmatch(written)
    if found is None:
        raise ValueError(
            "write permissions:GROUP:/run/kamailio/kamailio_rpc.sock, the group as a number; "
            "fifo:/path and http://host:port/path are taken as well"
        )
    return f"permissions:{int(found['group'] or 1)}:{found['rpc']}"


def redis_url(written: str) -> str:
    """Read where a Redis is."""
    if written and not re.match(r"(?:rediss?://|unix://)\S+$", written):
        raise ValueError("it is no address of a Redis")
    return written


def use_dns(written: str) -> UseDns:
    """Read what is done with names in log lines; fail2ban's ``raw`` looks nothing up either."""
    if written.lower() == "raw":
        return UseDns.NO
    try:
        return UseDns(written.lower())
    except ValueError:
        raise ValueError("it is none of fail2ban's words") from None


def log_level(written: str) -> str:
    """Read a level in fail2ban's words and give Python's."""
    try:
        return _LEVELS[written.lower()]
    except KeyError:
        raise ValueError("there is no such level") from None
