# SPDX-License-Identifier: MIT
"""A host goes over from fail2ban while the daemon runs: one command, and the bans are in force."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from logban.testing.fail2ban import write_database
from logban.testing.namespaces import BAD, BAD6, NEIGHBOUR, Network
from logban.testing.running import RunningServer


def test_one_command_brings_jails_and_bans(
    network: Network, server: RunningServer, tmp_path: Path
) -> None:
    tree = Path(shutil.copytree("/etc/fail2ban", tmp_path / "fail2ban"))
    (tree / "jail.local").write_text(
        "[DEFAULT]\nbanaction = nftables-allports\nbantime = 1h\n"
        f"[asterisk]\nenabled = true\nlogpath = {tmp_path}/full\n"
        "action = %(action_)s\n    sendmail[dest=admin@example.com]\n"
        f"[sshd]\nenabled = true\nlogpath = {tmp_path}/auth.log\n"
    )
    now = int(time.time())
    database = write_database(
        tmp_path / "f2b.sqlite3",
        [
            ("asterisk", BAD, now - 60, 3600, ["a line\x1b[2J"]),
            ("asterisk", BAD6, now - 60, -1, []),
            ("recidive", NEIGHBOUR, now, 600, []),
        ],
    )
    server.start()
    assert network.arrives(BAD)
    command = ("import-fail2ban", str(tree), "--to", str(server.config))
    command += ("--database", str(database), "--json")
    tried = server.client(*command, "--dry-run")
    assert tried.json["bans"]["taken"] == 2  # type: ignore[index]  # JSON
    assert not (server.config / "jails.d" / "sshd.conf").exists()
    done = server.client(*command)
    assert (done.code, done.err) == (6, "")  # recidive is off, and its ban has no jail
    bans = done.json["bans"]
    assert (bans["taken"], bans["known"]) == (2, 0)  # type: ignore[index]  # JSON
    assert bans["refused"][0]["what"] == NEIGHBOUR  # type: ignore[index]  # JSON
    ban = server.ban_of(BAD)
    assert (ban["jail"], ban["time"], ban["until"]) == ("asterisk", now - 60, now + 3540)
    assert not network.arrives(BAD)
    assert not network.arrives(BAD6)
    assert network.arrives(NEIGHBOUR)
    # A mail for each of thousands of bans is nothing that anybody asked for.
    actions = {each["name"]: each for each in server.jail("asterisk")["actions"]}  # type: ignore[attr-defined]  # JSON
    assert (actions["sendmail"]["pending"], actions["sendmail"]["error"]) == (0, "")
    again = server.client(*command)
    assert (again.json["changed"], again.json["bans"]["known"]) == (False, 2)  # type: ignore[index]  # JSON
    server.restart()
    assert server.ban_of(BAD)["until"] == now + 3540
    assert server.client("why", BAD, "--json").json["banned"][0]["evidence"][0]["line"] == (  # type: ignore[index]  # JSON
        "a line\x1b[2J"
    )
