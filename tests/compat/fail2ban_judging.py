# SPDX-License-Identifier: MIT
"""A program for the system's Python: fail2ban's own jails of a tree, and what they find in logs.

In: the tree, and a JSON object {jail: path of a log} on stdin.  Out: a JSON object by jail of
{maxretry, findtime, bantime, logpath, ignoreip, failures: [[time, address], ...]}; the addresses
that the jail ignores are left out.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from fail2ban.client.jailsreader import JailsReader
from fail2ban.server.server import Server
from fail2ban.server.transmitter import Transmitter

LISTS = ("logpath", "ignoreip")


def jails(tree: str) -> tuple[Server, dict[str, dict[str, object]]]:
    """Make the jails of a tree in this process; nothing is started, no action is made."""
    reader = JailsReader(basedir=tree)
    reader.read()
    reader.getOptions()
    server = Server(False)
    transmitter = Transmitter(server)
    found: dict[str, dict[str, object]] = {}
    for command in reader.convert(allow_no_files=True):
        if command[0] == "add":
            found[command[1]] = {"logpath": [], "ignoreip": []}
            transmitter.proceed([*command[:2], "polling"])
        elif command[0] in ("set", "multi-set") and command[2] not in ("addaction", "action"):
            about = found[command[1]]
            key = command[2].removeprefix("add")
            if key in LISTS:
                about[key] += command[3 : 4 if key == "logpath" else None]
            elif command[0] == "set":
                about[key] = command[3]
            if key != "logpath":
                transmitter.proceed(command)
    return server, found


def failures(server: Server, jail: str, log: Path) -> list[list[object]]:
    """Give what a jail finds in a log, in its order."""
    its_filter = server._Server__jails[jail].filter
    its_filter.checkFindTime = False
    found = []
    with log.open(encoding="utf-8", errors="replace", newline="\n") as stream:
        for line in stream:
            for _, who, time, failure in its_filter.processLine(line.rstrip("\r\n")):
                if not failure.get("nofail") and not its_filter.inIgnoreIPList(who):
                    found.append([time, str(who)])
    return found


def main() -> None:
    """Answer."""
    logging.disable(logging.CRITICAL)
    logs = json.load(sys.stdin)
    server, found = jails(sys.argv[1])
    keys = ("maxretry", "findtime", "bantime", *LISTS)
    answer = {
        name: {key: about[key] for key in keys}
        | {"failures": failures(server, name, Path(logs[name])) if name in logs else []}
        for name, about in found.items()
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
