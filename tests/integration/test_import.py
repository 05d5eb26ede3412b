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


def test_an_action_of_the_admins_own_is_told_of_bans_and_runs_nothing_else(
    server: RunningServer, tmp_path: Path
) -> None:
    tree = tmp_path / "fail2ban"
    for folder in ("filter.d", "action.d"):
        (tree / folder).mkdir(parents=True)
    log, told = tmp_path / "log", tmp_path / "told"
    (tree / "filter.d" / "bad.conf").write_text(
        "[Definition]\nfailregex = ^ bad <F-USER>.+</F-USER> at <HOST>$\n"
    )
    (tree / "action.d" / "tell.conf").write_text(
        "[Definition]\n"
        'actionban = echo "+<ip> <failures> <restored> <F-USER>" >> <told>\n'
        "actionunban = echo '-<ip>' >> <told>\n"
    )
    (tree / "jail.local").write_text(
        f"[own]\nenabled = true\nfilter = bad\nlogpath = {log}\nmaxretry = 2\nbantime = 1h\n"
        f"action = tell[told={told}]\n"
    )
    log.touch()
    done = server.client("import-fail2ban", str(tree), "--to", str(server.config))
    assert (done.code, done.err) == (0, "")
    server.start()
    name = f"x'; touch {tmp_path}/evil; '$(touch {tmp_path}/evil)"
    soon = time.gmtime(time.time() + 1)  # whole seconds, and not before the daemon's start
    line = f"{time.strftime('%Y-%m-%d %H:%M:%S', soon)} bad {name} at {BAD}\n"
    with log.open("a") as stream:
        stream.write(line * 2)
    server.ban_of(BAD)
    assert told.read_text() == f"+{BAD} 2 0 {name}\n"
    server.restart()
    # It is lifted first: a script that adds a rule would add a second one.
    server.wait(lambda: told.read_text().count("+") == 2)
    assert told.read_text().splitlines()[1:] == [f"-{BAD}", f"+{BAD} 2 1 "]
    assert server.client("unban", BAD).code == 0
    server.wait(lambda: told.read_text().endswith(f" 1 \n-{BAD}\n"))
    assert not (tmp_path / "evil").exists()
