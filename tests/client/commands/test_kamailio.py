# SPDX-License-Identifier: MIT
"""logban-client kamailio, with a real daemon and a real Kamailio."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from logban.actions.kamailio.rpc import Method, call
from logban.testing.kamailio import Kamailio, filled
from logban.testing.namespaces import Namespace
from logban.testing.running import Finished, RunningServer

ROOT = Path(__file__).parents[3]
LISTED = "black ua sipcli\n"


@dataclass(frozen=True)
class Host:
    """A daemon with jails at two Kamailios, of which one is not there."""

    kamailio: Kamailio
    server: RunningServer

    def run(self, *words: str) -> Finished:
        return self.server.client("kamailio", *words)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    script = (ROOT / "tests" / "actions" / "kamailio" / "banning.cfg").read_text("utf-8")
    namespace = Namespace()
    try:
        with namespace.enter():
            proxy = Kamailio.of(filled(script, (ROOT / "docs" / "kamailio.md").read_text("utf-8")))
            server = RunningServer(namespace, tmp_path_factory.mktemp("host"))
            (proxy.directory / "logban.list").write_text("")
            lists = server.config / "lists.d"
            lists.mkdir()
            (lists / "a.list").write_text(LISTED)
            where = f"socket={proxy.socket}, ctl={proxy.control}"
            server.write(
                "jails.d/x.conf",
                f"""[manual]
action = kamailio-htable[socket={proxy.socket}]
         kamailio-secfilter[{where}]
         kamailio-lists[{where}, lists={lists}]
         kamailio-htable[socket=/nowhere/sock, table=other]
""",
            )
            try:
                proxy.start()
                server.start()
                made = Host(proxy, server)
                server.wait(lambda: "sipcli" in made.run("print", "ua").out)
                yield made
            finally:
                server.stop()
                proxy.remove()
    finally:
        namespace.remove()


def test_entries_are_added_shown_and_deleted(host: Host) -> None:
    for words in (("black", "ua", "smap"), ("white", "ip", "127.0.6.1"), ("black", "dst", "88213")):
        done = host.run("add", *words)
        assert (done.code, done.out) == (0, f"added: {' '.join(words)}\n")
    host.run("add", "black", "ua", "smap")  # secfilter itself would take it twice
    shown = host.run("print")
    assert shown.code == 0
    assert [line.split() for line in shown.out.splitlines()[1:]] == [
        ["black", "dst", "88213"],
        ["black", "ua", "sipcli"],
        ["black", "ua", "smap"],
        ["white", "ip", "127.0.6.1"],
    ]
    assert host.kamailio.probe("127.0.6.3", agent="smap") == 403
    assert host.run("del", "black", "ua", "smap").out == "deleted: black ua smap\n"
    assert host.kamailio.probe("127.0.6.3", agent="smap") == 200
    again = host.run("del", "black", "ua", "smap")
    assert (again.code, again.out) == (1, "not there: black ua smap\n")
    assert host.run("print", "user").code == 1
    assert host.run("print", "ip", "dst", "--json").code == 0
    answer = host.run("print", "ip", "--json").json
    assert answer["entries"] == [{"color": "white", "kind": "ip", "value": "127.0.6.1"}]
    # A reload leaves what is logban's.
    assert "reloaded" in host.run("reload").out
    assert [line.split() for line in host.run("print").out.splitlines()[1:]] == [
        ["black", "ua", "sipcli"]
    ]


def test_what_is_kept_by_others_is_not_deleted(host: Host) -> None:
    done = host.run("del", "black", "ua", "sipcli")
    assert done.code == 2
    assert "is kept there by the lists of manual" in done.err
    host.server.client("ban", "198.51.100.66")
    done = host.run("del", "black", "ip", "198.51.100.66")
    assert "is kept there by the jail manual" in done.err
    host.server.client("unban", "198.51.100.66")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("black", "ip", ""), "an empty entry would hit everybody"),
        (("black", "dst", "+33900"), "database table"),
        (("white", "dst", "33900"), "no white list of destinations"),
        (("grey", "ip", "192.0.2.1"), "grey"),
    ],
)
def test_what_would_do_harm_is_refused(host: Host, words: tuple[str, ...], said: str) -> None:
    done = host.run("add", *words)
    assert done.code == 2
    assert said in done.err


def test_stats(host: Host) -> None:
    host.run("stats-reset")
    assert host.kamailio.probe("127.0.6.2", agent="sipcli") == 403
    assert "[+] By user-agent    : 1" in host.run("stats").out
    assert "reset" in host.run("stats-reset").out
    assert "[+] By user-agent    : 0" in host.run("stats").out
    assert host.run("stats", "--json").json["ok"] is True


def test_the_declared_lists_need_no_daemon(host: Host, tmp_path: Path) -> None:
    (tmp_path / "lists.d").mkdir()

    def listed() -> Finished:
        return host.server.client(
            "--socket", "/none", "kamailio", "list", "--config", str(tmp_path)
        )

    assert listed().code == 1
    (tmp_path / "lists.d" / "a.list").write_text(LISTED)
    assert listed().code == 0
    assert "sipcli" in listed().out
    (tmp_path / "lists.d" / "a.list").write_text("black\n")
    assert listed().code == 2
    assert "a.list:1" in listed().err
    assert host.server.client("kamailio", "print", "--socket", "/none").code == 3


def test_hot_sources_and_their_release(host: Host) -> None:
    proxy = host.kamailio
    rpc = proxy.rpc()
    for address in ("127.0.6.9", "2001:db8:66::9", "2001:db8:67::9"):
        call(rpc, Method.HTABLE_SETXI, "ipban", address, 1, 300)
    assert proxy.probe("127.0.6.9") is None
    shown = host.run("top")
    assert "127.0.6.9" in shown.out
    assert "ipban" in shown.out
    assert host.server.client("unban", "127.0.6.9").out == "127.0.6.9 was not banned\n"
    assert proxy.probe("127.0.6.9") == 200
    sources = host.run("top", "--json").json["sources"]
    assert isinstance(sources, list)
    assert {each["ip"] for each in sources} == {"2001:db8:66::9", "2001:db8:67::9"}
    host.server.client("unban", "2001:db8:66::/64")
    assert "2001:db8:66::9" not in host.run("top").out
    call(rpc, Method.HTABLE_DELETE, "ipban", "2001:db8:67::9")
    for number in range(600):  # more than a datagram can tell of
        call(rpc, Method.HTABLE_SETXI, "ipban", f"10.0.{number >> 8}.{number & 255}", 1, 300)
    assert host.run("top").out.endswith("600 sources\n")
    for number in range(600):
        call(rpc, Method.HTABLE_DELETE, "ipban", f"10.0.{number >> 8}.{number & 255}")
    rpc.close()
    assert host.run("top").code == 1


def test_which_kamailio(host: Host) -> None:
    done = host.run("--rpc", "/nowhere/sock", "top")
    assert done.code == 6
    assert "there is no RPC socket /nowhere/sock" in done.err
    done = host.run("--rpc", "/etc/passwd", "top")
    assert done.code == 2
    assert "no jail has an action at '/etc/passwd'; known are: " in done.err
    assert str(host.kamailio.socket) in done.err
