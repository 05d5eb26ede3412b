# SPDX-License-Identifier: MIT
"""The table of settings of jails."""

from __future__ import annotations

from typing import Final

from logban.config import parsers
from logban.config.filters.table import FILTER_SETTINGS
from logban.config.jails import ignoring
from logban.config.jails.growth_table import GROWTH_SETTINGS
from logban.config.jails.judging_table import JUDGING_SETTINGS
from logban.config.setting import Setting, Variable
from logban.config.settings import Backend, LogPath

ENABLED: Final = Setting("enabled", parsers.boolean, False, "whether the jail runs", "", "yes, no")
BACKEND: Final = Setting(
    "backend",
    parsers.backend,
    Backend.AUTO,
    "how the growth of log files is noticed; auto takes inotify where it works",
    allowed="auto, inotify, polling",
)
LOGPATH: Final[Setting[LogPath | None]] = Setting(
    "logpath",
    parsers.log_path,
    None,
    "log files, one a line; patterns with * and ?; 'tail' behind one skips what it holds so far",
    allowed="absolute paths",
)
LOGENCODING: Final = Setting(
    "logencoding", parsers.encoding, "utf-8", "the log files' encoding", "", "auto, a codec's name"
)
LOGTIMEZONE: Final[Setting[str | None]] = Setting(
    "logtimezone",
    parsers.time_zone,
    None,
    "the zone of times that name none; the host's where this is not set",
    allowed="Europe/Berlin, UTC, UTC+0200, ...",
)
MAXRETRY: Final = Setting(
    "maxretry", parsers.whole_number(1), 5, "failures that lead to a ban", "failures", "1 and up"
)
FINDTIME: Final = Setting(
    "findtime",
    parsers.duration,
    600.0,
    "the span of time within which failures are counted",
    "seconds",
    "600, 10m, 1h30m, 1d, ...",
)
BANTIME: Final[Setting[float | None]] = Setting(
    "bantime",
    parsers.ban_duration,
    600.0,
    "how long a ban lasts",
    "seconds",
    "600, 10m, 3h, 1w, ...; -1 or forever",
)
MAXMATCHES: Final[Setting[int | None]] = Setting(
    "maxmatches",
    parsers.whole_number(0),
    None,
    "lines kept as evidence with a ban, at most 100; maxretry where this is not set",
    "lines",
    "0 and up",
)
IGNOREIP: Final[Setting[str]] = Setting(
    "ignoreip",
    parsers.exempt_or_list,
    "",
    "addresses, networks and names that are never banned, and files of those, separated by blanks "
    "or commas",
    allowed="192.0.2.7, 198.51.100.0/24, 2001:db8::/32, office.example.org, file:/etc/exempt, "
    "kamailio:/etc/kamailio/address.list, permissions:1:/run/kamailio/kamailio_rpc.sock",
)
IGNORESELF: Final = Setting(
    "ignoreself",
    parsers.boolean,
    True,
    "whether the host's own addresses are exempt",
    allowed="yes, no",
)
EXEMPT_MAXRETRY: Final = Setting(
    "exempt_maxretry",
    parsers.whole_number(0),
    100,
    "failures within findtime that cost an exemption which ends by itself; 0: none do",
    "failures",
    "0 and up",
)
MAX_BANS_PER_MINUTE: Final = Setting(
    "max_bans_per_minute",
    parsers.whole_number(0),
    100_000,
    "new bans of addresses that the jail lays within a minute; further ones wait; 0: no limit",
    "bans",
    "0 and up",
)
MAX_REGISTERED_USERS: Final = Setting(
    "max_registered_users",
    parsers.whole_number(0),
    50,
    "registered users behind an address with which it is still banned; with more the ban waits; "
    "0: no limit",
    "users",
    "0 and up",
)
IPV6_PREFIX: Final = Setting(
    "ipv6_prefix",
    parsers.whole_number(32, 128),
    64,
    "the length of the network that an IPv6 address is counted and banned with",
    "bits",
    "32 to 128",
)
FILTER: Final = Setting(
    "filter", parsers.text, "", "the filter, a name in filters.d: name[parameter=value, ...]"
)
ACTION: Final = Setting(
    "action",
    parsers.text,
    "%(action_)s",
    "what is done with a ban, one action a line: name[parameter=value, ...]",
)
IGNORECOMMAND: Final[Setting[tuple[str, ...]]] = Setting(
    "ignorecommand",
    ignoring.command,
    (),
    "a program that is asked whether somebody who is about to be banned is exempt, started without "
    "a shell: exit code 0 says so",
    allowed="/path/to/program <ip> ...",
)
IGNORECACHE: Final = Setting(
    "ignorecache",
    ignoring.cache,
    0.0,
    "how long an answer of ignorecommand holds",
    "seconds",
    "max-time=5m, ...; nothing: it is asked each time",
)
_NOT_FOLLOWED: Final = (
    Setting("skip_if_nologs", parsers.text, "", "fail2ban's; a jail always waits for its files"),
    Setting("systemd_if_nologs", parsers.text, "", "fail2ban's; a jail waits for its files"),
)
VARIABLES: Final = (
    Variable("mode", "normal", "handed to the filter where `filter` is not written"),
    Variable("port", "all", "ports that the default action closes"),
    Variable("protocol", "tcp,udp", "protocols that the default action closes"),
    Variable("chain", "INPUT", "fail2ban's; logban has a chain of its own"),
    Variable("banaction", "nftables", "the action of action_"),
    Variable("banaction_allports", "nftables-allports", "the same for all ports"),
    Variable("destemail", "root@localhost", "who is written to"),
    Variable("sender", "root@<fq-hostname>", "who writes"),
    Variable("mta", "sendmail", "the beginning of the name of the action that writes"),
    Variable("fail2ban_agent", "logban/%(logban_version)s", "how logban calls itself to others"),
    Variable(
        "action_",
        '%(banaction)s[port="%(port)s", protocol="%(protocol)s"]',
        "the default of `action`",
    ),
    Variable(
        "action_mw",
        '%(action_)s\n%(mta)s-whois[sender="%(sender)s", dest="%(destemail)s"]',
        "ban and write a mail",
    ),
    Variable(
        "action_mwl",
        '%(action_)s\n%(mta)s-whois-lines[sender="%(sender)s", dest="%(destemail)s"]',
        "ban and write a mail with the lines of the log",
    ),
)
"""Keys of fail2ban's jail.conf that files on the net refer to, with what they stand for here."""

JAIL_SETTINGS: Final = (
    ENABLED,
    FILTER,
    LOGPATH,
    MAXRETRY,
    FINDTIME,
    BANTIME,
    ACTION,
    IGNOREIP,
    IGNORESELF,
    EXEMPT_MAXRETRY,
    MAX_BANS_PER_MINUTE,
    MAX_REGISTERED_USERS,
    IPV6_PREFIX,
    *JUDGING_SETTINGS,
    MAXMATCHES,
    BACKEND,
    LOGENCODING,
    LOGTIMEZONE,
    IGNORECOMMAND,
    IGNORECACHE,
    *GROWTH_SETTINGS,
    *_NOT_FOLLOWED,
    *FILTER_SETTINGS,
)
