# SPDX-License-Identifier: MIT
"""An account is suspended at an address, and nobody else there: by Kamailio, and by a program."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from logban.testing.kamailio import Kamailio, filled
from logban.testing.lines import LogFile, asterisk_line, wrong_password
from logban.testing.namespaces import Namespace
from logban.testing.running import Answer, RunningServer

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "docs"
OFFICE, HOME = "127.0.5.10", "127.0.5.11"
SUSPENDED_AFTER_THREE = """user-ip.maxretry = 3
user-ip.findtime = 15m
user-ip.bantime = 15m
"""


@pytest.fixture
def server(namespace: Namespace, tmp_path: Path) -> Iterator[RunningServer]:
    made = RunningServer(namespace, tmp_path)
    shutil.copytree(ROOT / "filters.d", made.config / "filters.d", dirs_exist_ok=True)
    try:
        yield made
    finally:
        made.stop()
    assert "Traceback" not in made.log


@pytest.fixture
def kamailio(namespace: Namespace) -> Iterator[Kamailio]:
    """Give a proxy with the documented script, which logs as well who got in."""
    document = (DOCUMENTS / "kamailio.md").read_text("utf-8")
    script = (ROOT / "tests" / "actions" / "kamailio" / "banning.cfg").read_text("utf-8")
    (logged,) = re.findall(r"^\txlog\(.*logban: \[\$si\] auth-ok .*\n", document, re.MULTILINE)
    script = filled(f"route(AUTH);\n{logged}".join(script.split("route(AUTH);\n")), document)
    proxy = Kamailio.of(script, "--log-engine=json:M")
    (proxy.directory / "logban.list").write_text("")
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.remove()


def suspended(server: RunningServer) -> list[object]:
    """Give who is suspended, as far as every action that can do it says so."""
    bans = cast("list[Answer]", server.ask("banned")["bans"])
    return [ban["subject"] for ban in bans if ban["in_force"]]


def at(user: str, address: str) -> dict[str, str]:
    return {"kind": "user-ip", "user": user, "ip": address}


def test_three_wrong_passwords_suspend_a_user_at_an_address_in_kamailio(
    kamailio: Kamailio, server: RunningServer
) -> None:
    server.write(
        "jails.d/kamailio.conf",
        "[kamailio]\nenabled = true\nfilter = kamailio-logban\nignoreself = false\n"
        f"logpath = {kamailio.directory}/log\naction =\n{SUSPENDED_AFTER_THREE}"
        f'user-ip.action = kamailio-userban[socket="{kamailio.socket}"]\n',
    )
    server.start()

    def register(source: str, user: str, *words: str) -> int | None:
        (password,) = words or ("secret",)
        return kamailio.probe(source, "REGISTER", user, password)

    assert register(OFFICE, "bob") == 200
    assert register(OFFICE, "alice") == 200
    assert [register(OFFICE, "alice", "old") for _ in range(2)] == [401, 401]
    assert suspended(server) == []
    assert register(OFFICE, "alice", "old") == 401
    server.wait(lambda: suspended(server))
    assert suspended(server) == [at("alice", OFFICE)]
    # Not with her true password either; and neither is anybody else there, nor she elsewhere.
    assert register(OFFICE, "alice") == 403
    assert register(OFFICE, "bob") == 200
    assert register(HOME, "alice") == 200
    assert server.client("banned", OFFICE).code == 1
    told = server.client("why", f"alice@{OFFICE}").out
    assert "user alice is known there" in told
    assert server.client("unban", f"alice@{OFFICE}").code == 0
    assert register(OFFICE, "alice") == 200


def success(user: str, address: str) -> str:
    return asterisk_line(
        'SecurityEvent="SuccessfulAuth",EventTV="x",Severity="Informational",Service="PJSIP",'
        f'EventVersion="1",AccountID="{user}",SessionID="s",LocalAddress="IPV4/UDP/192.0.2.1/5060",'
        f'RemoteAddress="IPV4/UDP/{address}/5060",UsingPassword="1"',
        level="SECURITY[19383] res_security_log.c:",
    )


@pytest.fixture
def asterisk(tmp_path: Path, server: RunningServer) -> Path:
    """Give what a stand-in for Asterisk is told, and let the documented program find it."""
    folder, told = tmp_path / "bin", tmp_path / "told"
    folder.mkdir()
    told.touch()
    program = folder / "asterisk"
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    (text,) = re.findall(
        r"^```sh\n(#!/bin/sh\n# asterisk-suspend .*?)^```$",
        (DOCUMENTS / "asterisk.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    suspend = folder / "asterisk-suspend"
    suspend.write_text(text.replace("exec asterisk", f"exec {program}"))
    for each in (program, suspend):
        each.chmod(0o755)
    action = (DOCUMENTS / "asterisk.md").read_text("utf-8")
    found = re.search(r"user-ip\.action +=.*\n.*\n", action)
    assert found is not None
    server.write(
        "jails.d/asterisk.conf",
        "[asterisk]\nenabled = true\nfilter = asterisk\nignoreself = false\naction =\n"
        f"logpath = {tmp_path}/full\n{SUSPENDED_AFTER_THREE}"
        + found[0].replace("/usr/local/sbin", str(folder)),
    )
    return told


def test_three_wrong_passwords_suspend_a_user_by_a_program_of_the_admins(
    server: RunningServer, asterisk: Path, tmp_path: Path
) -> None:
    log = LogFile(tmp_path / "full")
    server.start()
    log.write(success("7001", OFFICE))
    log.write(success("7002", OFFICE))
    for _ in range(3):
        log.write(wrong_password(OFFICE, user="7001"))
    server.wait(asterisk.read_text)
    assert asterisk.read_text() == f"-rx database put logban 7001/{OFFICE} 1\n"
    server.wait(lambda: suspended(server) == [at("7001", OFFICE)])
    # No name that an attacker sends gets any farther than to the program.
    for _ in range(3):
        log.write(wrong_password(HOME, user=f"7002/{OFFICE}"))
    server.wait(lambda: len(suspended(server)) == 2)
    # Whoever gets in is let go.
    log.write(success("7001", OFFICE))
    server.wait(lambda: "database del" in asterisk.read_text())
    assert asterisk.read_text().splitlines()[1:] == [f"-rx database del logban 7001/{OFFICE}"]
    log.close()
