# SPDX-License-Identifier: MIT
# ruff: noqa: INP001  # a part of the program that is this directory
"""What the manual pages say beside the tables."""

from __future__ import annotations

SERVER_OPTIONS = (
    ("--config", "DIR", "The configuration; /etc/logban without it."),
    ("--state", "DIR", "Where the database of bans is; /var/lib/logban without it."),
    ("--socket", "PATH", "The control socket; /run/logban/logban.sock without it."),
    (
        "--restore-only",
        "",
        (
            "Put the bans of the database in force, where the kernel keeps them, and exit: for the "
            "boot, before the network is up. It reads no log and tells nobody."
        ),
    ),
    (
        "--check",
        "",
        "Say what is wrong with the configuration and exit: 0 if it can be followed, 78 if not.",
    ),
    ("--version", "", "Give the version and exit."),
    ("--help", "", "Give the options and exit."),
)
SIGNALS = (
    ("SIGHUP", "Read the configuration anew.  If anything in it is wrong, nothing changes."),
    ("SIGTERM, SIGINT", "Stop.  Bans stay in force, and end at their time."),
)
FILES = {
    "/etc/logban/logban.conf": "the daemon's own settings; need not exist",
    "/etc/logban/jails.d/*.conf": "jails; changes belong into a `.local` of the same name",
    "/etc/logban/filters.d/*.conf": "filters, likewise",
    "/var/lib/logban/logban.sqlite3": "bans, their history and evidence, positions in the logs",
    "/run/logban/logban.sock": "the control socket, for root and the members of group `logban`",
}


CLIENT = """
`logban-client` shows what the daemon logban-server(8) does, and tells it what to do: who is
banned, why and until when; ban, lift, exempt.  It also tries filters and jails on log files,
for which no daemon needs to run.

Root and the members of the group `logban` may ask and command the daemon.
"""
SUBJECTS = """
`SUBJECT` is an address (`198.51.100.7`, `2001:db8::7`), a network (`198.51.100.0/24`), a user
at an address (`6003@198.51.100.7`) or a user (`user:6003`).  An IPv6 address stands for the
network under which logban counts it, its /64 unless the jail says otherwise.

`SPAN` is a number of seconds or written with units (`600`, `10m`, `3h`, `1d12h`, `1w`);
`forever` has no end.  `ENTRY` is an address, a network or a host name.
"""
CLIENT_EXAMPLES = (
    ("How is everything?", "logban-client status"),
    ("Why can this address not call in?", "logban-client why 198.51.100.7"),
    (
        "Let it in, and never ban it again:",
        'logban-client allow add 198.51.100.7 --note "branch office"',
    ),
    ("Ban a network for a day:", 'logban-client ban 203.0.113.0/24 --for 1d --reason "scans"'),
    (
        "What would the jail have made of yesterday's log?",
        "logban-client replay /var/log/asterisk/full.1 --jail asterisk",
    ),
    (
        "Every banned address, one a line:",
        "logban-client banned --json | jq -r '.bans[].subject | .ip // .net // .user'",
    ),
)

SERVER = """
`logban-server` follows the log files that its jails name, recognises failures by their filters,
and bans who made too many of them: in the kernel, at Kamailio, by a command.  It stays in the
foreground and writes its log to standard error; systemd starts it as `logban.service`, and its
log is in the journal: `journalctl -u logban`.

A jail with a mistake in it does not stop the others, and a log file that does not exist is waited
for; `logban-client status` shows both.  Only a configuration that can't be read at all keeps
the daemon from starting, with exit code 78.

Stopping the daemon lifts no ban.  Every ban carries its own end into the kernel, so it ends also
while the daemon is not running.
"""
PRIVILEGES = """
`logban.service` runs the daemon as the user `logban` with two capabilities: `CAP_NET_ADMIN` for
nftables and ipset, and `CAP_NET_RAW` for the action `iptables`, whose library opens a raw socket.

It reads logs as a member of the group `adm`.  Logs that another group owns are read by whoever is
in it: `usermod -aG asterisk logban`, then `systemctl restart logban`.
"""

JAILS = """
A jail says which log files are followed, which filter tells failures in them, how many of them
are too many, and what is done then.  It is a section of a file in `jails.d`.  All `*.conf` are
read in the order of their names, then all `*.local`; what is read later wins.  The files that come
with logban are replaced by an update, so changes belong into a `.local` beside them.

The language is fail2ban's: `key = value`; further lines of a value are indented; `#` and `;`
begin a comment; `%(name)s` stands for another key of the section or of `[DEFAULT]`, whose keys
hold in every jail; `[INCLUDES]` has `before` and `after`.  A key that logban does not know is an
error.

An address that fails `maxretry` times within `findtime` is banned for `bantime`.  IPv6 addresses
are counted and banned by their /64.  The jail `manual` always exists: bans by hand belong to it
unless they name another.

After a change: `logban-client check`, then `logban-client reload`.
"""
JAIL_EXAMPLE = """
[asterisk]
enabled  = true
filter   = asterisk
logpath  = /var/log/asterisk/full
maxretry = 5
findtime = 10m
bantime  = 1h
ignoreip = 192.0.2.0/24
action   = nftables
           email[dest="noc@example.org", smtp=mail.example.org]
"""
JAIL_EXAMPLES = (
    (
        "To change one thing of a shipped jail, in `/etc/logban/jails.d/asterisk.local`:",
        "[asterisk]\nbantime = 1d",
    ),
    (
        "Addresses that are never banned, in `/etc/logban/jails.d/00-office.local`:",
        "[DEFAULT]\nignoreip = 192.0.2.0/24 2001:db8:5::/48",
    ),
)

FILTERS = """
A filter says which log lines are failures, whose, and of what kind.  It is a file in
`filters.d`, named in a jail by its name without `.conf`, with parameters if it has some:
`filter = asterisk[mode=aggressive]`.  The files that come with logban are replaced by an update;
changes belong into a `.local` of the same name.

The language is fail2ban's, and its filters can be used as they are.  Names in log lines are never
looked up: `<HOST>` is an address.
"""
FILTER_EXAMPLE = r"""
[Definition]
datepattern = {^LN-BEG}%%Y-%%m-%%d %%H:%%M:%%S

[rule wrong-password]
kind = wrong-password
failregex = ^\s*Login of <F-USER>\S+</F-USER> from <HOST> failed$
"""
FILTER_SECTIONS = {
    "[Definition]": "What holds for the filter as a whole, and expressions that have no name.",
    "[rule NAME]": (
        "Expressions with a name, which `banned`, `why` and mails show as the reason of a ban."
    ),
    "[quote NAME]": "Messages in which a peer may write whole lines of his own.",
    "[json]": "Logs whose lines are JSON objects.",
}
EXPRESSIONS = """
Each is a regular expression of Python's, one a line, further ones indented.  It is tried on the
line without its date.  These stand for more:
"""
TAGS = (
    ("<HOST>, <ADDR>", "an IPv4 or IPv6 address, which is the one that failed"),
    ("<F-USER>...</F-USER>", "a field, here `user`, of what is matched in between"),
    ("<F-CONTENT>...</F-CONTENT>", "in `prefregex`: what the expressions are tried on"),
    ("%(name)s", "another key of the section or of `[DEFAULT]`"),
)
HOSTILE = """
Whoever attacks chooses names, numbers and headers, and they stand in the log: they can look like
another log line.  Tie an expression to both ends of the line with `^` and `$`, and let no `.*`
stand in front of `<HOST>` that could reach over a second address.  `logban-client check` warns of
expressions that are open to that.  One that takes longer than a tenth of a second for a line is
given up for that line.
"""
FILTER_EXAMPLES = (
    (
        "What does a filter find, and what does it miss?",
        "logban-client filter test asterisk /var/log/asterisk/full",
    ),
    ("The same as JSON:", "logban-client filter test ./mine.conf /var/log/mine.log --json"),
)
