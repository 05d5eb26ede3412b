# SPDX-License-Identifier: MIT
"""What the configuration comes to: frozen settings of the jails and of the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from logban.config.problem import Problem, distinct
from logban.matching.definition import FilterDefinition
from logban.model import Origin
from logban.policy.bantime import Growth
from logban.policy.scrutiny import Scrutiny

if TYPE_CHECKING:  # with the actions comes asyncio, which who tries a filter has no use for
    from logban.actions.declaration import ActionSpec

MANUAL = "manual"
"""The jail that bans by hand belong to; it always exists."""


class Reverse(StrEnum):
    """Who is exempt by the name of his address: those inside a list of domains, or all others."""

    INSIDE = "inside"
    OUTSIDE = "outside"


class Start(StrEnum):
    """Where the first reading of a log file begins."""

    HEAD = "head"
    TAIL = "tail"


class Backend(StrEnum):
    """How the growth of log files is noticed."""

    AUTO = "auto"
    INOTIFY = "inotify"
    POLLING = "polling"


class UseDns(StrEnum):
    """What is done with a host that a line names instead of an address.

    It is looked up, with or without a warning; or not, and then <HOST> stands for addresses only.
    """

    YES = "yes"
    WARN = "warn"
    NO = "no"

    @property
    def looks_up(self) -> bool:
        """Whether names are looked up."""
        return self is not UseDns.NO


@dataclass(frozen=True, slots=True)
class LogPath:
    """Log files to read: an absolute path, or a pattern with ``*``, ``?`` and ``[...]``."""

    pattern: str
    start: Start = Start.HEAD


@dataclass(frozen=True, slots=True)
class JailSettings:
    """A jail.  Spans of time are seconds; ``bantime`` is None for ever.

    ``filter`` is None where bans come by hand alone.  ``ignore`` holds canonical addresses and
    networks, and names in lower case.  ``time_zone`` is an IANA name or ``UTC+0200``.
    ``max_matches`` is the number of lines that are kept as evidence with a ban.  ``growth`` is None
    where every ban lasts ``bantime``.  ``recidive`` says that the jail counts, in place of lines,
    the bans of the other jails.  ``ignore_command`` is asked whether somebody is exempt, and its
    answers hold for ``ignore_keep`` seconds.  ``scrutiny`` is None where failures are only
    counted, as fail2ban does.
    """

    name: str
    origin: Origin = field(compare=False)  # a comment above it changes nothing
    filter: FilterDefinition | None = None
    log_paths: tuple[LogPath, ...] = ()
    backend: Backend = Backend.AUTO
    log_encoding: str = "utf-8"
    maxretry: int = 5
    findtime: float = 600.0
    bantime: float | None = 600.0
    ignore: tuple[str, ...] = ()
    ignore_self: bool = True
    ipv6_prefix: int = 64
    max_matches: int = 5
    actions: tuple[ActionSpec, ...] = ()
    time_zone: str | None = None
    exempt_maxretry: int = 100
    scrutiny: Scrutiny | None = None
    max_bans_per_minute: int = 6000
    max_registered_users: int = 50
    growth: Growth | None = None
    recidive: bool = False
    use_dns: UseDns = UseDns.NO
    ignore_command: tuple[str, ...] = ()
    ignore_keep: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The daemon's own: ``logban.conf``.  ``loglevel`` is a name of Python's logging.

    ``metrics_file``, ``metrics_port`` and ``alarm``, the action that tells of alarms, are None
    where nobody asks for them.  ``operators``, users and @groups, is None for all of the group.
    ``ami`` is the file with the login at Asterisk's manager interface.
    """

    loglevel: str = "INFO"
    max_tracked: int = 100_000
    match_timeout: float = 0.1
    redis: str = ""
    redis_prefix: str = "white_list:"
    rdns_domains: tuple[str, ...] = ()
    rdns_exempts: Reverse = Reverse.INSIDE
    geo_database: tuple[str, ...] = ()
    geo_allow: tuple[str, ...] = ()
    geo_deny: tuple[str, ...] = ()
    geo_weight: tuple[tuple[str, float], ...] = ()
    ami: Path | None = None
    ami_every: float = 300.0
    metrics_file: Path | None = None
    metrics_port: int | None = None
    alarm: ActionSpec | None = None
    operators: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a configuration directory says.

    ``failed`` are jails that are switched on and cannot run, each with the errors that say why;
    ``errors`` are those that concern no jail that there is.
    """

    directory: Path
    jails: Mapping[str, JailSettings]
    failed: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    server: ServerSettings = field(default_factory=ServerSettings)

    def problems(self) -> tuple[Problem, ...]:
        """Give every error and warning once, by file and line."""
        everything = (
            *self.errors,
            *(problem for problems in self.failed.values() for problem in problems),
            *self.warnings,
        )
        return tuple(sorted(distinct(everything), key=lambda problem: problem.origin))
