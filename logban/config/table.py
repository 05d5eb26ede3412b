# SPDX-License-Identifier: MIT
"""The tables of settings: one for jails, one for filters, one for ``logban.conf``.

A setting that is not in its table is an error in the files; ``check`` and the manual page come
from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from logban.actions.declaration import ActionSpec
from logban.config import growth, ignoring, judging, origins, parsers, telling
from logban.config.settings import Backend, LogPath, Reverse, UseDns
from logban.matching.definition import Proof
from logban.policy.bantime import Growth
from logban.policy.scrutiny import Limit, Scrutiny, Style, Unit

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Setting(Generic[T_co]):
    """One key: how its text is read, what holds where nobody writes it, what it is for.

    ``parse`` raises ValueError with a sentence.  Where a setting is a list it reads one entry.
    ``ignored`` says why a key of fail2ban is taken and not followed; "" where it is followed.
    """

    name: str
    parse: Callable[[str], T_co]
    default: T_co
    doc: str
    unit: str = ""
    allowed: str = ""
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A key that means something only where another value refers to it with ``%(name)s``."""

    name: str
    default: str
    doc: str


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
    "kamailio:/etc/kamailio/address.list",
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
USEDNS: Final = Setting(
    "usedns",
    parsers.use_dns,
    UseDns.NO,
    "whether hosts that lines name are looked up, warn: with a line in logban's own log; "
    "without it <HOST> stands for addresses only",
    allowed="yes, warn, no, raw",
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

_GROWTH: Final = Growth()
INCREMENT: Final = Setting(
    "bantime.increment",
    parsers.boolean,
    False,
    "whether bans of who was banned before last longer",
    allowed="yes, no",
)
FACTOR: Final = Setting(
    "bantime.factor",
    growth.factor,
    _GROWTH.factor,
    "what each ban but the first is multiplied by, beside its multiplier",
    allowed="1, 1.5, 2, ...",
)
MULTIPLIERS: Final[Setting[tuple[float, ...]]] = Setting(
    "bantime.multipliers",
    growth.multipliers,
    _GROWTH.multipliers,
    "what the 1st, 2nd, 3rd, ... ban is multiplied by, the last for all further ones; each ban is "
    "twice as long as the one before where this is not set",
    allowed="1 2 4 8 16, ...",
)
FORMULA: Final = Setting(
    "bantime.formula",
    growth.formula,
    _GROWTH.formula,
    "fail2ban's formula, one of the two that its jail.conf documents",
)
MAXTIME: Final = Setting(
    "bantime.maxtime",
    growth.limit,
    _GROWTH.max_time,
    "what no ban grows beyond",
    "seconds",
    "1d, 4w, ...; nothing: no limit",
)
RNDTIME: Final = Setting(
    "bantime.rndtime",
    growth.spread,
    _GROWTH.spread,
    "what further bans are longer by at the most, so that nobody can tell their end",
    "seconds",
    "0, 10m, ...",
)
OVERALLJAILS: Final = Setting(
    "bantime.overalljails",
    parsers.boolean,
    _GROWTH.all_jails,
    "whether earlier bans of other jails count as well",
    allowed="yes, no",
)
MEMORY: Final = Setting(
    "bantime.memory",
    growth.memory,
    _GROWTH.memory,
    "how long after its end a ban still makes the next one longer",
    "seconds",
    "1d, 4w, ...; 90d at the most",
)
_NOT_FOLLOWED: Final = (
    Setting("skip_if_nologs", parsers.text, "", "fail2ban's; a jail always waits for its files"),
    Setting("systemd_if_nologs", parsers.text, "", "fail2ban's; a jail waits for its files"),
)

JUDGING: Final = Setting(
    "judging",
    judging.style,
    Style.AUTO,
    "plain counts failures and no more, as fail2ban does; full weighs them and knows customers; "
    "auto is full where the filter tells kinds of failures or who got in",
    allowed="auto, plain, full",
)
TRUST: Final = Setting(
    "trust",
    judging.trust,
    6 * 3600.0,
    "how long an address is trusted after somebody got in from there; 0: not at all",
    "seconds",
    "0, 600, 6h, 1d, ...",
)
COUNT_BY: Final[Setting[tuple[Unit, ...]]] = Setting(
    "count_by",
    judging.units,
    (),
    "whom failures are charged to; user-ip, where it is written, counts at every address, and not "
    "only where users are known; all of them where nothing is written",
    allowed="ip, user-ip, user, net",
)
EXTENSIONS: Final[Setting[tuple[str, ...]]] = Setting(
    "extensions",
    judging.extensions,
    (),
    "the numbering plan: a try for an extension unlike any of these weighs more, one a digit off "
    "less; @/path is a file of them; learned from who gets in where nothing is written",
    allowed="201, 7XX, 2000-2999, reception, @/etc/logban/extensions",
)


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """The three keys that say how much is enough for one kind of subject."""

    maxretry: Setting[int]
    findtime: Setting[float]
    bantime: Setting[float | None]

    def all(self) -> tuple[Setting[int] | Setting[float] | Setting[float | None], ...]:
        """Give the three."""
        return self.maxretry, self.findtime, self.bantime


def _limits(name: str, limit: Limit, doc: str) -> LimitSettings:
    spans = "600, 10m, 1h30m, 1d, ..."
    return LimitSettings(
        Setting(
            f"{name}.maxretry", parsers.whole_number(1), limit.maxretry, doc, allowed="1 and up"
        ),
        Setting(
            f"{name}.findtime",
            parsers.duration,
            limit.findtime,
            "within how long",
            "seconds",
            spans,
        ),
        Setting(
            f"{name}.bantime",
            parsers.ban_duration,
            limit.bantime,
            "and for how long",
            "seconds",
            f"{spans}; -1 or forever",
        ),
    )


_SCRUTINY: Final = Scrutiny()
LIMITS: Final = {
    "user-ip": _limits(
        "user-ip", _SCRUTINY.user_ip, "failures of a user at an address that suspend him there"
    ),
    "user": _limits(
        "user", _SCRUTINY.user, "addresses that fail with one user's name and protect the account"
    ),
    "net": _limits(
        "net", _SCRUTINY.net, "addresses of one /24, or /64s of one /56, that ban the network"
    ),
    "slow": _limits(
        "slow", _SCRUTINY.slow, "failures of an address that ban it, however slowly they come"
    ),
}
UNIT_ACTIONS: Final = tuple(
    Setting(f"{unit}.action", parsers.text, "", f"further actions, for {whom} alone")
    for unit, whom in (
        ("user-ip", "users at an address"),
        ("user", "users"),
        ("net", "networks of many addresses"),
    )
)
WEIGHT_PREFIX: Final = "weight."
WEIGHT: Final = Setting(
    f"{WEIGHT_PREFIX}name",
    judging.weight,
    1.0,
    "what a failure of a kind, or by a rule, weighs; a plain wrong password is 1",
    allowed="0 to 250",
)
"""Any number of keys that begin so; the name is that of a kind or a rule of the jail's filter."""

FAILREGEX: Final = Setting(
    "failregex", parsers.text, "", "regular expressions of failures, one a line"
)
SUCCESSREGEX: Final = Setting(
    "successregex",
    parsers.text,
    "",
    "regular expressions of lines that say that somebody got in, one a line",
)
IGNOREREGEX: Final = Setting(
    "ignoreregex", parsers.text, "", "regular expressions of lines that are no failures"
)
PREFREGEX: Final = Setting(
    "prefregex",
    parsers.text,
    "",
    "what every line has in common; the failregex sees what is in <F-CONTENT>...</F-CONTENT>",
)
DATEPATTERN: Final = Setting(
    "datepattern",
    parsers.text,
    "",
    "how times are written, one form a line: %Y-%m-%d %H:%M:%S, EPOCH, {^LN-BEG}, {NONE}, ...",
)
MAXLINES: Final = Setting(
    "maxlines",
    parsers.whole_number(1, 1000),
    1,
    "lines that one expression can span; <SKIPLINES> stands for lines in between",
    "lines",
    "1 to 1000",
)
ATTEMPT: Final = Setting(
    "attempt",
    parsers.text,
    "",
    "captured fields that tell the lines of one attempt from those of another, which then count "
    "once; without it every line counts",
    allowed="callid, session, port, user, ...",
)
_JOURNALMATCH: Final = Setting(
    "journalmatch", parsers.text, "", "fail2ban's; the journal is not read"
)

FILTER_SETTINGS: Final[tuple[Setting[str] | Setting[int] | Setting[UseDns], ...]] = (
    FAILREGEX,
    IGNOREREGEX,
    PREFREGEX,
    DATEPATTERN,
    MAXLINES,
    ATTEMPT,
    _JOURNALMATCH,
    USEDNS,
)
"""What [Definition] of a filter knows; a jail may write the same to override it."""

KIND: Final = Setting("kind", parsers.word, "", "the kind of failure", allowed="a word")
PROOF: Final = Setting(
    "proof",
    parsers.proof,
    Proof.NONE,
    "what shows that the address is the true one and not made up by whoever sent a packet",
    allowed="none, response, connection, transport",
)
HEARSAY: Final = Setting(
    "hearsay",
    parsers.boolean,
    False,
    "whether the address is what the peer says of itself, to be believed only if the next failure "
    "that the same thread logs names it as well, or a witness does",
    allowed="yes, no",
)
WITNESS: Final = Setting(
    "witness",
    parsers.boolean,
    False,
    "whether the line is no failure, and shows only who sent what another line is hearsay of",
    allowed="yes, no",
)
RULE_SETTINGS: Final = (FAILREGEX, SUCCESSREGEX, KIND, PROOF, HEARSAY, WITNESS)
"""What [rule NAME] of a filter knows."""

QUOTE_BEGIN: Final = Setting(
    "begin", parsers.text, "", "the first line of a message that may hold a peer's line breaks"
)
QUOTE_END: Final = Setting(
    "end", parsers.text, "", "the last line of every such message; not set: it may be any"
)
QUOTE_SIZE: Final = Setting(
    "size",
    parsers.whole_number(1, 1024 * 1024),
    8191,
    "the length of the longest such message with all that stands before it in the line",
    "bytes",
    "1 to 1048576",
)
QUOTE_CUT: Final = Setting(
    "cut",
    parsers.boolean,
    False,
    "whether the program cuts a longer message at that size, so that its end is missing",
    allowed="yes, no",
)
QUOTE_LATE: Final = Setting(
    "late",
    parsers.boolean,
    False,
    "whether the address stands behind the peer's text",
    allowed="yes, no",
)
QUOTE_TWICE: Final = Setting(
    "twice",
    parsers.boolean,
    False,
    "whether the program logs what can hold line breaks always twice",
    allowed="yes, no",
)
QUOTE_NEIGHBOURS: Final = Setting(
    "neighbours",
    parsers.whole_number(0, 1024),
    0,
    "how far apart the numbers of the threads are that log such messages; 0: not known",
    allowed="0 to 1024",
)
QUOTE_SETTINGS: Final = (
    QUOTE_BEGIN,
    QUOTE_END,
    QUOTE_SIZE,
    QUOTE_CUT,
    QUOTE_LATE,
    QUOTE_TWICE,
    QUOTE_NEIGHBOURS,
)
"""What [quote NAME] of a filter knows."""

JSON_BEGIN: Final = Setting("begin", parsers.text, "", "what may stand before the JSON object")
JSON_TEXT: Final = Setting(
    "text", parsers.text, "", "the text that is made of the object: {key}, {key.key}, ..."
)
JSON_SETTINGS: Final = (JSON_BEGIN, JSON_TEXT)
"""What [json] of a filter knows."""

FILTER_PARAMETERS: Final = ("mode", "logtype")
"""What may be handed to a filter that makes no use of it."""

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
    JUDGING,
    TRUST,
    COUNT_BY,
    *(each for limits in LIMITS.values() for each in limits.all()),
    *UNIT_ACTIONS,
    WEIGHT,
    EXTENSIONS,
    MAXMATCHES,
    BACKEND,
    LOGENCODING,
    LOGTIMEZONE,
    IGNORECOMMAND,
    IGNORECACHE,
    INCREMENT,
    FACTOR,
    MULTIPLIERS,
    FORMULA,
    MAXTIME,
    RNDTIME,
    OVERALLJAILS,
    MEMORY,
    *_NOT_FOLLOWED,
    *FILTER_SETTINGS,
)

LOGLEVEL: Final = Setting(
    "loglevel",
    parsers.log_level,
    "INFO",
    "what the daemon's own log tells",
    allowed="debug, info, notice, warning, error, critical",
)
MAX_TRACKED: Final = Setting(
    "max_tracked",
    parsers.whole_number(100, 10_000_000),
    100_000,
    "subjects whose failures are remembered at a time, over all jails",
    "subjects",
    "100 to 10000000",
)
MATCH_TIMEOUT: Final = Setting(
    "match_timeout",
    parsers.seconds(0.001, 60.0),
    0.1,
    "how long one expression may take for one line, which is skipped then",
    "seconds",
    "0.001 to 60",
)
REDIS: Final = Setting(
    "redis",
    parsers.redis_url,
    "",
    "the Redis whose keys exempt addresses for all jails",
    allowed="redis://127.0.0.1:6379/0, unix:///run/redis/redis.sock, ...",
)
REDIS_PREFIX: Final = Setting(
    "redis_prefix",
    parsers.text,
    "white_list:",
    "how the keys begin that exempt the address behind it",
)
METRICS_FILE: Final[Setting[Path | None]] = Setting(
    "metrics_file",
    telling.metrics_file,
    None,
    "where metrics are written for the textfile collector of Prometheus's node_exporter",
    allowed="an absolute path that ends in .prom",
)
METRICS_PORT: Final[Setting[int | None]] = Setting(
    "metrics_port",
    telling.metrics_port,
    None,
    "a port of 127.0.0.1 where Prometheus finds the metrics",
    allowed="1 to 65535",
)
ALARM: Final[Setting[ActionSpec | None]] = Setting(
    "alarm",
    telling.alarm,
    None,
    "who is told by mail when something is wrong: the action email with its dest, smtp, ...",
    allowed="email[dest=..., ...]",
)
OPERATORS: Final[Setting[tuple[str, ...] | None]] = Setting(
    "operators",
    telling.operators,
    None,
    "who of the group logban may change something with logban-client, the others may only ask; "
    "all of the group where this is not set; root always may",
    allowed="names of users and @groups, or nobody",
)
RDNS_DOMAINS: Final[Setting[tuple[str, ...]]] = Setting(
    "rdns_domains",
    origins.domains,
    (),
    "domains; whoever has an address whose name is in one of them, and leads back, is never banned",
    allowed="example.net, dialin.example.org, ...",
)
RDNS_EXEMPTS: Final = Setting(
    "rdns_exempts",
    origins.reverse,
    Reverse.INSIDE,
    "whether those inside rdns_domains are exempt, or all those outside",
    allowed="inside, outside",
)
GEO_DATABASE: Final[Setting[tuple[str, ...]]] = Setting(
    "geo_database",
    origins.paths,
    (),
    "MaxMind databases of countries and of autonomous systems; read again when they change",
    allowed="/var/lib/GeoIP/GeoLite2-Country.mmdb, ...",
)
GEO_ALLOW: Final[Setting[tuple[str, ...]]] = Setting(
    "geo_allow", origins.codes, (), "where nobody is ever banned", "", "DE, AS64500, ..."
)
GEO_DENY: Final[Setting[tuple[str, ...]]] = Setting(
    "geo_deny", origins.codes, (), "where one failure is enough", "", "KP, AS64500, ..."
)
GEO_WEIGHT: Final[Setting[tuple[tuple[str, float], ...]]] = Setting(
    "geo_weight",
    origins.weights,
    (),
    "how many times a failure from there counts",
    allowed="CN=2, AS64500=1.5, ...",
)
SERVER_SETTINGS: Final[tuple[Setting[object], ...]] = (
    LOGLEVEL,
    MAX_TRACKED,
    MATCH_TIMEOUT,
    REDIS,
    REDIS_PREFIX,
    RDNS_DOMAINS,
    RDNS_EXEMPTS,
    GEO_DATABASE,
    GEO_ALLOW,
    GEO_DENY,
    GEO_WEIGHT,
    METRICS_FILE,
    METRICS_PORT,
    ALARM,
    OPERATORS,
    *(
        Setting(name, parsers.text, "", "fail2ban's", ignored=ignored)
        for name, ignored in (
            ("logtarget", "logban writes its log to standard error"),
            ("syslogsocket", "logban writes its log to standard error"),
            ("socket", "start logban-server with --socket"),
            ("pidfile", "logban-server stays in the foreground and needs none"),
            ("allowipv6", "IPv6 is always on"),
            ("dbfile", "start logban-server with --state"),
            ("dbmaxmatches", "maxmatches of the jail holds"),
            ("dbpurgeage", "the ledger keeps its own time"),
        )
    ),
)
