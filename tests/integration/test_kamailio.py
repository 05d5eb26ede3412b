# SPDX-License-Identifier: MIT
"""The daemon and a real Kamailio: attacks by SIP, bans in the proxy, restarts, faults."""

from __future__ import annotations

import math
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from logban.actions.kamailio import calls
from logban.actions.kamailio.calls import Item
from logban.actions.kamailio.expiry import Ends
from logban.actions.kamailio.rpc import Rpc
from logban.actions.kamailio.transports import RpcAddress, Way, open_rpc
from logban.testing.kamailio import Kamailio, filled
from logban.testing.namespaces import Namespace
from logban.testing.running import Answer, RunningServer
from logban.testing.waiting import LIMIT

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "actions" / "kamailio" / "banning.cfg"
LITTLE = """#!KAMAILIO
auto_aliases=no
loadmodule "kex.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "dgram_socket", "kamailio_rpc.sock")
request_route {
	sl_send_reply("200", "OK");
}
"""


def start_kamailio(script: str) -> Kamailio:
    proxy = Kamailio.of(script, "--log-engine=json:M")
    (proxy.directory / "logban.list").write_text("")
    proxy.start()
    return proxy


@pytest.fixture
def kamailio(namespace: Namespace) -> Iterator[Kamailio]:
    proxy = start_kamailio(
        filled(SCRIPT.read_text("utf-8"), (ROOT / "docs" / "kamailio.md").read_text("utf-8"))
    )
    try:
        yield proxy
    finally:
        proxy.remove()


def with_filters(server: RunningServer) -> RunningServer:
    for file in (ROOT / "filters.d").glob("*.conf"):
        shutil.copy(file, server.config / "filters.d")
    return server


@pytest.fixture
def server(namespace: Namespace, tmp_path: Path) -> Iterator[RunningServer]:
    made = with_filters(RunningServer(namespace, tmp_path))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def unprivileged(namespace: Namespace, kamailio: Kamailio) -> Iterator[RunningServer]:
    """Give a daemon as the packages run it: of a user of its own, here in no group."""
    kamailio.directory.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix="logban-") as directory:
        made = with_filters(RunningServer(namespace, Path(directory), user=65534))
        try:
            yield made
        finally:
            made.stop()


def write_jail(
    server: RunningServer, kamailio: Kamailio, *actions: str, bantime: str, prefix: int = 128
) -> None:
    lines = "\n         ".join(actions)
    server.write(
        "jails.d/kamailio.conf",
        f"""[kamailio]
enabled = true
filter = kamailio-logban
logpath = {kamailio.directory}/log
maxretry = 3
bantime = {bantime}
ipv6_prefix = {prefix}
ignoreself = false
action = {lines}
""",
    )


def where(kamailio: Kamailio, **more: object) -> str:
    words = {"socket": kamailio.socket, **more}
    return ", ".join(f'{name}="{value}"' for name, value in words.items())


@pytest.mark.parametrize(
    ("action", "banned"),
    [
        ("kamailio-htable[{socket}]", None),
        ("kamailio-secfilter[{socket}, ctl={control}]", 403),
        ("kamailio-address[{socket}, file={directory}/logban.list]", None),
    ],
)
def test_an_attack_by_sip_is_banned_and_a_ban_ends(
    kamailio: Kamailio, server: RunningServer, action: str, banned: int | None
) -> None:
    words = {
        "socket": where(kamailio),
        "control": kamailio.control,
        "directory": kamailio.directory,
    }
    write_jail(server, kamailio, action.format(**words), bantime="600")
    server.start()
    attacker, customer = "127.0.4.41", "127.0.4.50"
    assert kamailio.probe(attacker) == 200
    for _ in range(3):
        assert kamailio.probe(attacker, "REGISTER", "alice", "guess") == 401
    kamailio.wait_for_answer(attacker, banned)
    assert kamailio.probe(customer, "REGISTER", "bob", "secret") == 200
    ban = server.ban_of(attacker)
    assert ban["rule"]
    other = "127.0.4.42"
    server.ban_briefly(other, "kamailio", lambda: kamailio.probe(other) == banned)
    kamailio.wait_for_answer(other, 200)
    server.wait(lambda: server.bans().keys() == {attacker})
    assert kamailio.probe(attacker) == banned


def entries(rpc: Rpc, table: str) -> dict[str, Item]:
    keys = [key for key, _ in calls.dump(rpc, table)]
    asked = [calls.get(table, key) for key in keys]
    found = zip(keys, asked, rpc.call_many(asked), strict=True)
    items = {key: calls.item_of(request, answer) for key, request, answer in found}
    return {
        key: item
        for key, item in items.items()
        if item is not None and not key.startswith("logban:")
    }


def test_a_thousand_bans_return_after_a_crash(kamailio: Kamailio, server: RunningServer) -> None:
    write_jail(server, kamailio, f"kamailio-htable[{where(kamailio)}]", bantime="600")
    server.start()

    def ban(first: int, last: int, seconds: float) -> list[Answer]:
        subjects = [
            {"kind": "ip", "ip": f"10.0.{number >> 8}.{number & 255}"}
            for number in range(first, last)
        ]
        asked = server.ask("ban", subjects=subjects, jail="kamailio", seconds=seconds)
        return cast("list[Answer]", asked["bans"])

    bans = ban(0, 500, 600) + ban(500, 900, 3600)
    short = ban(900, 1000, 4)
    rpc = open_rpc(RpcAddress(Way.FIFO, str(kamailio.fifo)), timeout=LIMIT)
    lasting = {cast("dict[str, str]", each["subject"])["ip"] for each in bans}
    server.wait(lambda: lasting <= entries(rpc, "logban").keys())
    kamailio.kill()
    error = server.wait(lambda: action_of(server, "kamailio-htable")["error"])
    assert "nobody listens at" in str(error)
    ended = max(cast("float", each["until"]) for each in short)
    server.wait(lambda: time.time() > ended + 0.5)
    kamailio.start()
    server.wait(lambda: lasting == entries(rpc, "logban").keys())
    found = entries(rpc, "logban")
    ends = Ends()
    for each in bans:
        item = found[cast("dict[str, str]", each["subject"])["ip"]]
        end = ends.read(item.expire)
        assert end is not None
        assert math.isclose(end, cast("float", each["until"]), abs_tol=60)
    server.wait(lambda: action_of(server, "kamailio-htable")["state"] == "ok")


def test_a_flush_is_repaired_within_seconds(kamailio: Kamailio, server: RunningServer) -> None:
    write_jail(server, kamailio, f"kamailio-htable[{where(kamailio)}]", bantime="600")
    server.start()
    assert server.client("ban", "127.0.4.60", "--jail", "kamailio").code == 0
    assert kamailio.probe("127.0.4.60") is None
    rpc = kamailio.rpc()
    for key, _ in calls.dump(rpc, "logban"):
        calls.require_done(
            [calls.delete("logban", key)], rpc.call_many([calls.delete("logban", key)])
        )
    rpc.close()
    server.wait(lambda: "has lost its entries" in server.log)
    kamailio.wait_for_answer("127.0.4.60", None)
    assert "has lost its entries" in server.log
    assert server.client("unban", "127.0.4.60").code == 0
    assert kamailio.probe("127.0.4.60") == 200


NEAR = ["2001:db8:66::7", "2001:db8:66:0:1:2:3:4", "2001:db8:66::8:9"]
FAR = ["2001:db8:66:1::7", "2001:db8:67::7", "2001:db8::7"]


@pytest.mark.parametrize(
    "action",
    [
        "kamailio-htable[{socket}, networks=yes]",
        "kamailio-address[{socket}, file={directory}/logban.list]",
    ],
)
def test_an_attack_by_ipv6_bans_its_network(
    kamailio: Kamailio, server: RunningServer, action: str
) -> None:
    for address in (*NEAR, *FAR):
        server.namespace.run(["ip", "address", "add", f"{address}/128", "dev", "lo", "nodad"])
    words = {"socket": where(kamailio), "directory": kamailio.directory}
    write_jail(server, kamailio, action.format(**words), bantime="600", prefix=64)
    server.start()
    for address in NEAR:  # he has the whole network, and changes his address
        assert kamailio.probe(address, "REGISTER", "alice", "guess") == 401
    server.ban_of("2001:db8:66::/64")
    for address in NEAR:
        kamailio.wait_for_answer(address, None)
    for address in FAR:
        assert kamailio.probe(address) == 200
    assert server.client("unban", "2001:db8:66::/64").code == 0
    for address in NEAR:
        kamailio.wait_for_answer(address, 200)


def test_what_the_script_does_not_look_for_is_named(
    kamailio: Kamailio, server: RunningServer
) -> None:
    write_jail(server, kamailio, f"kamailio-htable[{where(kamailio)}]", bantime="60", prefix=64)
    server.start()
    server.client("ban", "2001:db8:66::7", "--jail", "kamailio")
    shown = " ".join(server.client("status", "kamailio").out.split())
    assert "2001:db8:66::/64 can't be banned there: add the lines for /64" in shown


def action_of(server: RunningServer, name: str) -> Answer:
    actions = cast("list[Answer]", server.jail("kamailio")["actions"])
    return next(each for each in actions if each["name"] == name)


FAULTS = {
    "absent": ("kamailio-htable[socket=/nowhere/rpc.sock]", "there is no RPC socket"),
    "stopped": ("kamailio-htable[{socket}]", "has not answered within 2 s: it is stopped"),
    "wrong table": ("kamailio-htable[{socket}, table=nothing]", "has no htable 'nothing'"),
    "no autoexpire": ("kamailio-htable[{socket}, table=eternal]", "has no autoexpire"),
    "short autoexpire": (
        "kamailio-userban[{socket}, table=short]",
        "autoexpire=60, which is shorter than the jail's bantime",
    ),
    "no htable": ("kamailio-htable[{little}]", "load its module htable"),
    "no secfilter": ("kamailio-secfilter[{little}]", "has not loaded its module secfilter"),
    "no rights": ("kamailio-htable[{socket}]", "put its user into Kamailio's group"),
    "no permissions": ("kamailio-address[{little}, file={directory}/x]", "module permissions"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told_of_and_holds_nothing_else_up(
    kamailio: Kamailio, server: RunningServer, unprivileged: RunningServer, fault: str
) -> None:
    action, said = FAULTS[fault]
    if fault == "no rights":
        server = unprivileged
    little = start_kamailio(LITTLE) if "{little}" in action else kamailio
    try:
        words = {
            "socket": where(kamailio),
            "little": where(little),
            "directory": kamailio.directory,
        }
        write_jail(server, kamailio, action.format(**words), "nftables", bantime="600")
        server.start()
        name = action.partition("[")[0]
        if fault == "stopped":
            server.wait(lambda: action_of(server, name)["state"] == "ok")
            kamailio.send(signal.SIGSTOP)
        server.wait(lambda: action_of(server, "nftables")["state"] == "ok")
        subjects = [{"kind": "ip", "ip": "198.51.100.7"}]

        def by_nftables() -> bool:
            table = server.namespace.run(["nft", "list", "table", "inet", "logban"])
            return "198.51.100.7" in table

        with ThreadPoolExecutor(1) as asking:  # the answer waits a while for every action
            asked = asking.submit(
                server.ask, "ban", subjects=subjects, jail="kamailio", seconds=600
            )
            server.wait(by_nftables)
            bans = cast("list[Answer]", asked.result()["bans"])
        assert bans[0]["in_force"] is (fault == "short autoexpire")  # that one keeps users out
        server.wait(lambda: said in str(action_of(server, name)["error"]))
        shown = server.client("status", "kamailio")
        assert shown.code == 0
        assert f"action {name} is retrying: " in shown.out
        assert said in " ".join(shown.out.split())
        if fault == "no rights":  # they are what is lacking, and are looked for again and again
            os.chown(kamailio.socket, 65534, 65534)
            server.ban_of("198.51.100.7")
        if fault == "stopped":
            kamailio.send(signal.SIGCONT)
            server.ban_of("198.51.100.7")
    finally:
        if little is not kamailio:
            little.remove()


def test_users_are_suspended_by_hand(kamailio: Kamailio, server: RunningServer) -> None:
    write_jail(
        server,
        kamailio,
        f"kamailio-userban[{where(kamailio, table='everywhere', key='$au')}]",
        f"kamailio-userban[{where(kamailio)}]",
        bantime="600",
    )
    server.start()
    assert server.client("ban", "user:alice", "bob@127.0.4.70", "--jail", "kamailio").code == 0

    def register(source: str, user: str) -> int | None:
        return kamailio.probe(source, "REGISTER", user, "secret")

    assert register("127.0.4.71", "alice") == 403
    assert register("127.0.4.70", "bob") == 403
    assert register("127.0.4.71", "bob") == 200
    bans = cast("list[Answer]", server.ask("banned")["bans"])
    assert [each["in_force"] for each in bans] == [True, True]
    assert server.client("unban", "user:alice").code == 0
    assert register("127.0.4.71", "alice") == 200


def test_lists_are_back_after_a_restart(
    kamailio: Kamailio, server: RunningServer, tmp_path: Path
) -> None:
    lists = f"kamailio-lists[{where(kamailio)}, ctl={kamailio.control}, lists={ROOT}/lists.d]"
    write_jail(server, kamailio, lists, bantime="600")
    server.start()
    server.wait(lambda: action_of(server, "kamailio-lists")["state"] == "ok")
    assert kamailio.probe("127.0.4.80", agent="friendly-scanner") == 403
    kamailio.kill()
    server.wait(lambda: action_of(server, "kamailio-lists")["error"])
    kamailio.start()
    server.wait(lambda: kamailio.probe("127.0.4.80", agent="friendly-scanner") == 403)
    assert kamailio.probe("127.0.4.81", agent="telephone") == 200


def test_what_secfilter_bans_ends_though_logban_was_down(
    kamailio: Kamailio, server: RunningServer
) -> None:
    action = f"kamailio-secfilter[{where(kamailio)}, ctl={kamailio.control}]"
    write_jail(server, kamailio, action, bantime="600")
    server.start()
    short, lifted, lasting = (f"127.0.4.{number}" for number in (85, 86, 87))
    server.client("ban", lifted, lasting, "--jail", "kamailio")
    server.client("ban", short, "--jail", "kamailio", "--for", "1s")
    server.wait(lambda: kamailio.probe(lifted) == 403)
    # The first reload is at once, so this one is there to be waited for.
    server.wait(lambda: kamailio.probe(short) == 200)

    def is_banned() -> bool:
        server.client("unban", lifted)
        server.kill()
        if kamailio.probe(short) == 403:
            return True
        server.start()  # it was over before it came to a reload
        server.client("ban", lifted, "--jail", "kamailio")
        return False

    until = server.ban_briefly(short, "kamailio", is_banned)
    server.wait(lambda: time.time() > until)
    assert kamailio.probe(short) == 403
    server.start()
    kamailio.wait_for_answer(short, 200)
    kamailio.wait_for_answer(lifted, 200)
    assert kamailio.probe(lasting) == 403


def test_a_user_agent_is_banned_wherever_it_calls_from(
    kamailio: Kamailio, server: RunningServer
) -> None:
    action = f"kamailio-secfilter[{where(kamailio)}, ctl={kamailio.control}, type=ua]"
    write_jail(server, kamailio, action, bantime="600")
    server.start()
    for _ in range(3):
        kamailio.probe("127.0.4.61", "REGISTER", "alice", "guess", agent="evil dialer 7")
    server.ban_of("127.0.4.61")

    def call() -> int | None:
        return kamailio.probe("127.0.4.62", agent="evil dialer 7.1")

    assert call() == 403
    assert kamailio.probe("127.0.4.61") == 200
    kamailio.kill()
    kamailio.start()
    server.wait(lambda: call() == 403)
    # What is to be taken off is known from the ledger, whoever has put it on.
    until = server.ban_by_hand("127.0.4.61", "kamailio", 15)
    server.kill()
    server.wait(lambda: time.time() > until)
    assert call() == 403
    server.start()
    server.wait(lambda: call() == 200)
    write_jail(server, kamailio, action.replace("type=ua", "type=domain"), bantime="600")
    server.client("reload")
    server.wait(lambda: "captures no domain" in str(action_of(server, "kamailio-secfilter")))


def test_a_ban_that_would_hit_an_exempt_one_is_refused_and_named(
    kamailio: Kamailio, server: RunningServer
) -> None:
    action = f"kamailio-secfilter[{where(kamailio)}, ctl={kamailio.control}]"
    write_jail(server, kamailio, action, bantime="600")
    server.write(
        "jails.d/other.conf",
        """[DEFAULT]
ignoreself = false
[other]
enabled = true
filter = kamailio-logban
logpath = /nowhere/log
ignoreip = 127.0.4.92
action = kamailio-htable[socket=/none]
""",
    )
    server.start()
    server.client("ban", "127.0.4.9", "127.0.4.77", "--jail", "kamailio")
    assert kamailio.probe("127.0.4.77") == 403
    assert kamailio.probe("127.0.4.9") == 200
    shown = server.client("status", "kamailio").out
    assert "127.0.4.9 would hit 127.0.4.92 as well, which is exempt (127.0.4.92)" in shown
    assert "kamailio-htable bans exactly whom it is to" in shown


def test_an_unban_reaches_what_the_script_has_banned(
    kamailio: Kamailio, server: RunningServer
) -> None:
    write_jail(server, kamailio, f"kamailio-htable[{where(kamailio)}]", bantime="600")
    server.start()
    server.wait(lambda: action_of(server, "kamailio-htable")["state"] == "ok")
    rpc = kamailio.rpc()
    requests = [calls.put("ipban", "127.0.4.95", 1, 300)]
    calls.require_done(requests, rpc.call_many(requests))
    rpc.close()
    assert kamailio.probe("127.0.4.95") is None
    assert "127.0.4.95" in server.client("kamailio", "top").out
    server.client("unban", "127.0.4.95")
    assert kamailio.probe("127.0.4.95") == 200
