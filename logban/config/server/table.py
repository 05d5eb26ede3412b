# SPDX-License-Identifier: MIT
"""The table of settings of ``logban.conf``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from logban.actions.declaration import ActionSpec
from logban.config import parsers
from logban.config.server import manager_login, origins, telling
from logban.config.setting import Setting
from logban.config.settings import Reverse

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
AMI: Final[Setting[Path | None]] = Setting(
    "ami",
    manager_login.login_file,
    None,
    "a file, mode 0600, that says where Asterisk's manager interface is, for `extensions = ami`",
    allowed="/etc/logban/ami.conf",
)
AMI_EVERY: Final = Setting(
    "ami_every",
    parsers.seconds(10.0, 86400.0),
    300.0,
    "how often Asterisk is asked for its extensions",
    "seconds",
    "10 to 86400",
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
    AMI,
    AMI_EVERY,
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
