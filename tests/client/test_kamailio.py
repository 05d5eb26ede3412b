# SPDX-License-Identifier: MIT
"""logban-client kamailio, with a real Kamailio."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from logban.actions.kamailio.rpc import Method, call
from logban.actions.kamailio.transports import open_rpc
from logban.client.main import cli
from logban.testing.kamailio import Kamailio, filled

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kamailio() -> Iterator[Kamailio]:
    script = (ROOT / "tests" / "actions" / "kamailio" / "banning.cfg").read_text("utf-8")
    proxy = Kamailio.of(filled(script, (ROOT / "docs" / "kamailio.md").read_text("utf-8")))
    (proxy.directory / "logban.list").write_text("")
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.remove()


@pytest.fixture
def run(kamailio: Kamailio, tmp_path: Path) -> Callable[..., Result]:
    """Give a way to run the command, in a configuration whose jail names the proxy."""
    (tmp_path / "jails.d").mkdir()
    (tmp_path / "lists.d").mkdir()
    (tmp_path / "jails.d" / "x.conf").write_text(
        f"[manual]\naction = kamailio-htable[socket={kamailio.socket}]\n"
        f"         kamailio-secfilter[socket={kamailio.socket}, ctl={kamailio.control}]\n"
    )

    def runner(*words: str) -> Result:
        return CliRunner().invoke(cli, ["kamailio", *words, "--config", str(tmp_path)])

    return runner


def test_entries_are_added_shown_and_deleted(run: Callable[..., Result]) -> None:
    for words in (
        ("black", "ua", "sipcli"),
        ("white", "ip", "127.0.6.1"),
        ("black", "dst", "88213"),
    ):
        done = run("add", *words)
        assert (done.exit_code, done.output) == (0, f"added: {' '.join(words)}\n")
    run("add", "black", "ua", "sipcli")  # secfilter itself would take it twice
    shown = run("print")
    assert shown.exit_code == 0
    assert [line.split() for line in shown.output.splitlines()[1:]] == [
        ["black", "dst", "88213"],
        ["black", "ua", "sipcli"],
        ["white", "ip", "127.0.6.1"],
    ]
    assert run("del", "black", "ua", "sipcli").output == "deleted: black ua sipcli\n"
    again = run("del", "black", "ua", "sipcli")
    assert (again.exit_code, again.output) == (1, "not there: black ua sipcli\n")
    assert run("print", "ua").exit_code == 1
    assert run("print", "ip", "dst", "--json").exit_code == 0
    answer = json.loads(run("print", "ip", "--json").output)
    assert answer["entries"] == [{"color": "white", "kind": "ip", "value": "127.0.6.1"}]
    assert run("reload").output == "Data reloaded\n"
    assert run("print").exit_code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("black", "ip", ""), "an empty entry would hit everybody"),
        (("black", "dst", "+33900"), "database table"),
        (("white", "dst", "33900"), "no white list of destinations"),
        (("grey", "ip", "192.0.2.1"), "grey"),
    ],
)
def test_what_would_do_harm_is_refused(
    run: Callable[..., Result], words: tuple[str, ...], said: str
) -> None:
    done = run("add", *words)
    assert done.exit_code == 2
    assert said in done.output


def test_stats(run: Callable[..., Result], kamailio: Kamailio) -> None:
    run("stats-reset")
    run("add", "black", "ua", "sipcli")
    assert kamailio.probe("127.0.6.2", agent="sipcli") == 403
    shown = run("stats")
    assert "[+] By user-agent    : 1" in shown.output
    assert "reset" in run("stats-reset").output
    assert "[+] By user-agent    : 0" in run("stats").output
    assert json.loads(run("stats", "--json").output)["ok"] is True
    run("reload")


def test_the_declared_lists(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run("list").exit_code == 1
    (tmp_path / "lists.d" / "a.list").write_text("black ua sipcli\n")
    shown = run("list")
    assert shown.exit_code == 0
    assert "sipcli" in shown.output
    (tmp_path / "lists.d" / "a.list").write_text("black\n")
    broken = run("list")
    assert broken.exit_code == 2
    assert "a.list:1" in broken.output


def test_top(run: Callable[..., Result], kamailio: Kamailio) -> None:
    rpc = open_rpc(kamailio.address)
    for key, _ in [("127.0.6.9", 1)]:
        call(rpc, Method.HTABLE_SETXI, "ipban", key, 1, 300)
    shown = run("top")
    assert "127.0.6.9" in shown.output
    assert "ipban" in shown.output
    answer = json.loads(run("top", "--json").output)
    assert {each["ip"] for each in answer["sources"]} == {"127.0.6.9"}
    call(rpc, Method.HTABLE_DELETE, "ipban", "127.0.6.9")
    rpc.close()
    assert run("top").exit_code == 1


def test_nobody_there(run: Callable[..., Result], tmp_path: Path) -> None:
    done = run("--rpc", "/nowhere/sock", "reload")
    assert done.exit_code == 6
    assert "there is no RPC socket /nowhere/sock" in done.output
    assert run("--rpc", "sock", "reload").exit_code == 2
    lost = CliRunner().invoke(cli, ["kamailio", "reload", "--config", str(tmp_path / "none")])
    assert lost.exit_code == 6
    assert "/run/kamailio/kamailio_rpc.sock" in lost.output


def test_without_ctl_nothing_is_deleted(run: Callable[..., Result]) -> None:
    run("add", "black", "ua", "sipcli")
    done = run("--ctl", "/nowhere/ctl", "del", "black", "ua", "sipcli")
    assert done.exit_code == 6
    assert "no RPC socket /nowhere/ctl" in done.output
    assert run("print", "ua").exit_code == 0
    run("reload")
