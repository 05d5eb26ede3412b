# SPDX-License-Identifier: MIT
"""The table of commands: each reaches its method with what was written."""

from __future__ import annotations

import asyncio
import re

import pytest

from logban.control.commands import COMMANDS, find_command
from logban.control.payloads import ForeignBan
from logban.control.protocol import Request
from logban.control.service import Forever
from logban.errors import UnknownName, UsageError
from logban.model import Subject, SubjectKind

IP = {"kind": "ip", "ip": "198.51.100.7"}
SUBJECT = Subject(SubjectKind.IP, "198.51.100.7")


def carry_out(service, name, **arguments):
    command, given = find_command(Request(name, arguments))
    return asyncio.run(command.run(service, given))


@pytest.mark.parametrize(
    ("name", "arguments", "asked"),
    [
        ("ping", {}, ("ping",)),
        ("status", {}, ("status",)),
        ("status", {"jail": None}, ("status",)),
        ("banned", {}, ("banned", None, None)),
        ("banned", {"jail": "a", "subjects": [IP]}, ("banned", "a", (SUBJECT,))),
        ("ban", {"subjects": [IP]}, ("ban", (SUBJECT,), None, None, "")),
        (
            "ban",
            {"subjects": [IP], "jail": "a", "seconds": 60, "reason": "r"},
            ("ban", (SUBJECT,), "a", 60.0, "r"),
        ),
        (
            "ban",
            {"subjects": [IP], "seconds": "forever"},
            ("ban", (SUBJECT,), None, Forever.FOREVER, ""),
        ),
        (
            "adopt",
            {"bans": [{"jail": "a", "subject": IP, "time": 1, "until": None}]},
            ("adopt", (ForeignBan("a", SUBJECT, 1.0, None),)),
        ),
        ("unban", {"all": True}, ("unban", None, None)),
        ("unban", {"subjects": [IP], "jail": "a"}, ("unban", (SUBJECT,), "a")),
        ("allow-add", {"entry": "example.net"}, ("allow-add", "example.net", None, "")),
        ("allow-add", {"entry": "x", "seconds": 1.5, "note": "n"}, ("allow-add", "x", 1.5, "n")),
        ("allow-del", {"entry": "x"}, ("allow-del", "x")),
        ("allow-list", {}, ("allow-list", None)),
        ("allow-list", {"jail": "a"}, ("allow-list", "a")),
        ("verify", {"jail": "asterisk"}, ("verify", "asterisk")),
        ("repair", {}, ("repair", None)),
    ],
)
def test_a_command_reaches_its_method(service, name, arguments, asked):
    carry_out(service, name, **arguments)
    assert service.asked == [asked]


@pytest.mark.parametrize(
    ("name", "arguments", "asked"),
    [
        ("print", {}, ("entries", ())),
        ("print", {"kinds": ["ua", "ip"]}, ("entries", ("ua", "ip"))),
        ("add", {"color": "c", "kind": "k", "value": "v"}, ("add", "c", "k", "v")),
        ("del", {"color": "c", "kind": "k", "value": "v"}, ("delete", "c", "k", "v")),
        ("reload", {}, ("reload",)),
        ("stats", {}, ("stats",)),
        ("stats-reset", {}, ("reset_stats",)),
        ("top", {}, ("top",)),
    ],
)
def test_an_order_reaches_the_kamailio_that_was_named(service, name, arguments, asked):
    carry_out(service, f"kamailio-{name}", **arguments)
    carry_out(service, f"kamailio-{name}", rpc="/run/rpc.sock", **arguments)
    assert service.asked == [("kamailio", None), asked, ("kamailio", "/run/rpc.sock"), asked]


@pytest.mark.parametrize("kinds", ["ua", [1], ["ua"] * 1001])
def test_kinds_are_a_list_of_texts(service, kinds):
    with pytest.raises(UsageError, match="argument 'kinds' must be a list of texts"):
        carry_out(service, "kamailio-print", kinds=kinds)


def test_status_of_a_jail_reaches_the_method_for_jails(service):
    assert carry_out(service, "status", jail="asterisk").jail.name == "asterisk"
    with pytest.raises(UnknownName):
        carry_out(service, "status", jail="sshd")


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("bann", {}, "there is no command 'bann'"),
        ("ban", {"subject": [IP]}, "ban has no argument 'subject'; did you mean 'subjects'?"),
        ("ban", {"zzz": 1}, "ban has no argument 'zzz'"),
        ("ban", {}, "ban: argument 'subjects' is missing"),
        ("ban", {"subjects": []}, "ban: argument 'subjects' must be a list of subjects"),
        ("ban", {"subjects": IP}, "ban: argument 'subjects' must be a list of subjects"),
        (
            "ban",
            {"subjects": [{"kind": "ip", "ip": "1"}]},
            "ban: argument 'subjects' is no subject",
        ),
        ("ban", {"subjects": [IP], "seconds": 0}, "ban: argument 'seconds' must be above 0"),
        ("ban", {"subjects": [IP], "seconds": -1}, "ban: argument 'seconds' must be above 0"),
        ("ban", {"subjects": [IP], "seconds": "1h"}, "ban: argument 'seconds' must be a number"),
        ("ban", {"subjects": [IP], "jail": 1}, "ban: argument 'jail' must be a text"),
        ("ban", {"subjects": [IP], "reason": "x" * 1001}, "ban: argument 'reason' is longer"),
        ("unban", {}, "unban: give either 'subjects' or 'all'"),
        ("unban", {"all": False}, "unban: give either 'subjects' or 'all'"),
        ("unban", {"all": True, "subjects": [IP]}, "unban: give either 'subjects' or 'all'"),
        ("unban", {"all": 1}, "unban: argument 'all' must be true or false"),
        ("adopt", {}, "adopt: argument 'bans' must be a list of bans"),
        ("adopt", {"bans": [{"jail": "a"}]}, "adopt: argument 'bans' subject: is missing"),
        ("allow-add", {}, "allow-add: argument 'entry' is missing"),
        ("allow-add", {"entry": "x", "seconds": "forever"}, "allow-add: argument 'seconds' must"),
        ("why", {}, "why: argument 'subject' must be a subject"),
        ("why", {"subject": "198.51.100.7"}, "why: argument 'subject' must be a subject"),
    ],
)
def test_what_cannot_be_followed_is_a_usage_error(service, name, arguments, problem):
    with pytest.raises(UsageError, match="^" + re.escape(problem)):
        carry_out(service, name, **arguments)
    assert service.asked == []


def test_the_table_tells_what_changes_something():
    writers = {name for name, command in COMMANDS.items() if command.writes}
    at_kamailio = {f"kamailio-{name}" for name in ("add", "del", "reload", "stats-reset")}
    orders = {"ban", "adopt", "unban", "allow-add", "allow-del", "reload", "repair"}
    assert writers == orders | at_kamailio
