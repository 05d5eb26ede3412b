# SPDX-License-Identifier: MIT
"""nftables alone: its sets, its runners, its errors."""

from __future__ import annotations

import re
import threading

import pytest

from logban.actions import catalogue, process
from logban.actions.networks import Prefix
from logban.actions.nftables import libnftables
from logban.actions.nftables import runner as nft_runner
from logban.actions.nftables import script as nft_script
from logban.actions.nftables.action import sweep
from logban.actions.nftables.libnftables import LibraryContext, NftError
from logban.actions.nftables.runner import (
    Library,
    LibraryRunner,
    ProgramRunner,
    explain,
    open_runner,
)
from logban.actions.protocols import Missing
from logban.errors import ActionError
from logban.model import Ban, Subject
from logban.testing.clock import FakeClock

HOST, BAD, FAR = "198.51.100.1", "198.51.100.7", "203.0.113.9"
NOW = FakeClock().now()


def ban(text: str, seconds: float | None = 600.0) -> Ban:
    return Ban("sip", Subject.parse(text), NOW, None if seconds is None else NOW + seconds)


@pytest.fixture
def inside(namespace):
    with namespace.enter():
        yield namespace


@pytest.fixture(params=["yes", "no"])
def enforcer(request, inside):
    spec = catalogue.parse("sip", "nftables", {"library": request.param})
    made = catalogue.build(spec, FakeClock())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("sip-ipv4 { type ipv4_addr; }", "sip-ipv4"),
        ("sip-ipv4 { type ipv6_addr; flags timeout; }", "sip-ipv4"),
        ("sip-ipv6 { type ipv6_addr; flags interval, timeout; }", "sip-ipv6"),
        ("sip-ipv4-24 { type ipv4_addr; }", "sip-ipv4-24"),
    ],
)
def test_a_set_of_somebody_elses_is_refused_by_name(enforcer, inside, made, name) -> None:
    """Members of a set without timeouts would stay for ever (cs-firewall-bouncer 82)."""
    inside.run(["nft", "-f", "-"], f"add table inet logban\nadd set inet logban {made}\n")
    with pytest.raises(ActionError, match=rf"set {name} .*nft delete set inet logban {name}\)"):
        enforcer.prepare()
    with pytest.raises(Missing, match="not prepared"):
        enforcer.read()
    inside.run(["nft", "delete", "set", "inet", "logban", name])
    enforcer.prepare()
    assert enforcer.read() == {}


def test_other_tables_chains_and_sets_are_left_alone(enforcer, inside) -> None:
    foreign = (
        "table inet admin {\n\tset sip-ipv4 {\n\t\ttype ipv4_addr\n\t}\n}\n"
        "table ip logban {\n\tset sip-ipv6 {\n\t\ttype ipv4_addr\n\t}\n}\n"
    )
    inside.run(["nft", "-f", "-"], foreign)
    inside.run(["nft", "-f", "-"], "add table inet logban\nadd chain inet logban mine\n")
    enforcer.prepare()
    enforcer.apply([ban(BAD)])
    sweep([])
    for table in ("inet admin", "ip logban"):
        assert inside.run(["nft", "list", "table", *table.split()]) in foreign
    assert "chain mine" in inside.run(["nft", "list", "table", "inet", "logban"])


def test_a_chain_with_another_hook_is_mended(enforcer, inside) -> None:
    inside.run(
        ["nft", "-f", "-"],
        "add table inet logban\nadd chain inet logban sip-drop "
        "{ type filter hook input priority 5; policy drop; }\n",
    )
    enforcer.prepare()
    listing = inside.run(["nft", "list", "chain", "inet", "logban", "sip-drop"])
    assert "hook prerouting priority raw; policy accept" in listing
    assert listing.count("drop\n") == 2


def test_a_set_that_is_gone_is_missed(enforcer, inside) -> None:
    enforcer.prepare()
    enforcer.apply([ban("198.51.100.0/24")])
    inside.run(["nft", "flush", "chain", "inet", "logban", "sip-drop"])
    inside.run(["nft", "delete", "set", "inet", "logban", "sip-ipv4-24"])
    with pytest.raises(Missing, match="sip-drop"):
        enforcer.read()
    inside.run(["nft", "delete", "table", "inet", "logban"])
    with pytest.raises(Missing):
        enforcer.apply([ban(BAD)])
    enforcer.lift([ban(BAD)])
    with pytest.raises(Missing):
        enforcer.read()


def test_the_sets_are_as_the_design_says(enforcer, inside) -> None:
    enforcer.prepare()
    enforcer.apply([ban(BAD, 1.5), ban("198.51.100.0/24", None), ban("2001:db8::1", 100 * 86400)])
    text = inside.run(["nft", "list", "table", "inet", "logban"])
    for name in ("sip-ipv4", "sip-ipv6", "sip-ipv4-24"):
        assert re.search(rf"set {name} {{\s+type ipv\d_addr\s+size 1048576\s+flags timeout\n", text)
    assert "198.51.100.7 timeout 1s500ms" in text
    assert "2001:db8:: timeout 100d " in text
    assert "type filter hook prerouting priority raw; policy accept;" in text
    assert "meta l4proto { tcp, udp } ip saddr @sip-ipv4 counter packets 0 bytes 0 drop" in text
    assert "ip saddr & 255.255.255.0 == @sip-ipv4-24 counter" in text
    assert "ip6 saddr & ffff:ffff:ffff:ffff:: == @sip-ipv6 counter" in text


def test_a_new_prefix_length_that_the_kernel_refuses_is_asked_again(enforcer, inside) -> None:
    enforcer.prepare()
    add = "add set inet logban sip-ipv4-24 { type ipv4_addr; }\n"
    inside.run(["nft", "-f", "-"], add)
    with pytest.raises(ActionError, match="File exists"):
        enforcer.apply([ban("198.51.100.0/24")])
    inside.run(["nft", "delete", "set", "inet", "logban", "sip-ipv4-24"])
    enforcer.apply([ban("198.51.100.0/24")])
    assert [str(subject) for subject in enforcer.read()] == ["198.51.100.0/24"]


def test_preparing_leaves_no_gap(network) -> None:
    """Packets of a banned source, sent without a pause, never get through while it is done."""
    with network.host.enter():
        enforcer = catalogue.build(catalogue.parse("sip", "nftables", {}), FakeClock())
        enforcer.prepare()
        enforcer.apply([ban(BAD)])
    stop = threading.Event()
    sent = 0

    def flood() -> None:
        nonlocal sent
        with network.peer.udp(BAD) as client:
            while not stop.is_set():
                client.sendto(b"flood", (HOST, 5060))
                sent += 1

    with network.host.udp(HOST, 5060) as server:
        thread = threading.Thread(target=flood)
        thread.start()
        try:
            with network.host.enter():
                for number in range(100):
                    enforcer.prepare()
                    enforcer.apply([ban(BAD), ban(f"10.0.0.0/{8 + number % 20}")])
        finally:
            stop.set()
            thread.join()
        with network.peer.udp(FAR) as client:
            client.sendto(b"marker", (HOST, 5060))
        assert server.recv(10) == b"marker"
    assert sent > 1000
    enforcer.close()


def test_the_chunks_of_a_large_batch_all_arrive(inside, monkeypatch) -> None:
    monkeypatch.setattr("logban.actions.nftables.elements.AT_ONCE", 7)
    enforcer = catalogue.build(catalogue.parse("sip", "nftables", {}), FakeClock())
    enforcer.prepare()
    bans = [ban(f"10.0.{number}.1") for number in range(50)]
    enforcer.apply(bans)
    assert enforcer.read().keys() == {one.subject for one in bans}
    enforcer.lift(bans[:-1])
    assert enforcer.read().keys() == {bans[-1].subject}
    enforcer.close()


def test_set_names_belong_to_one_enforcer() -> None:
    for name in ("a", "a-ipv4", "a-ipv4-24", "ä", "x" * 99):
        for prefix in (Prefix(4, 32), Prefix(4, 24), Prefix(6, 64), Prefix(6, 128), Prefix(6, 0)):
            word = nft_script.set_of(name, prefix)
            assert nft_script.prefix_of(name, word) == prefix
            assert nft_script.prefix_of("b", word) is None
            assert nft_script.is_foreign(word, [], is_chain=False)
            assert not nft_script.is_foreign(word, [name], is_chain=False)
    assert nft_script.prefix_of("a", "a-ipv4-24-ipv4") is None
    assert nft_script.prefix_of("a", "b") is None
    assert nft_script.prefix_of("a", "a-ipv4-32") is None, "that length has the short name"
    assert not nft_script.is_foreign("mine", [], is_chain=True)


def test_without_the_library_the_program_serves(inside, monkeypatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(libnftables.ctypes, "CDLL", absent)
    libnftables._library.cache_clear()
    assert isinstance(open_runner(Library.AUTO), ProgramRunner)
    with pytest.raises(ActionError, match=r"cannot open shared object file.*libnftables1"):
        open_runner(Library.YES)


def test_with_the_library_it_is_used(inside) -> None:
    for library in (Library.AUTO, Library.YES):
        runner = open_runner(library)
        assert isinstance(runner, LibraryRunner)
        runner.close()


def test_without_the_program_the_error_names_the_package(monkeypatch) -> None:
    monkeypatch.setattr(process, "ENVIRONMENT", {"PATH": "/nowhere"})
    with pytest.raises(ActionError, match="Debian: nftables"):
        open_runner(Library.NO)


def test_a_program_that_hangs_or_cannot_start_is_an_error(inside, monkeypatch, tmp_path) -> None:
    program = tmp_path / "nft"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    monkeypatch.setattr(process, "ENVIRONMENT", {"PATH": path})
    monkeypatch.setattr(nft_runner, "_TIMEOUT", 0.1)
    runner = open_runner(Library.NO)
    with pytest.raises(ActionError, match="did not end"):
        runner.run("list tables", json_output=True)
    program.unlink()
    with pytest.raises(ActionError, match="cannot be run"):
        runner.run("list tables")


def test_a_closed_context_says_so_and_closing_twice_is_nothing(inside) -> None:
    context = LibraryContext()
    context.run("add table inet t")
    context.close()
    context.close()
    with pytest.raises(NftError, match="closed"):
        context.run("list tables")


def test_a_context_that_cannot_be_made_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(libnftables._library(), "nft_ctx_new", lambda _: None)
    with pytest.raises(OSError, match="nft_ctx_new"):
        LibraryContext()


@pytest.mark.parametrize("library", [Library.YES, Library.NO])
def test_nfts_own_words_are_kept_and_the_commands_are_not(inside, library) -> None:
    runner = open_runner(library)
    elements = ", ".join(f"10.0.{number}.1" for number in range(200))
    with pytest.raises(ActionError, match="syntax error") as caught:
        runner.run(f"add element inet logban x {{ {elements} }} }}")
    assert "10.0.7.1" not in str(caught.value)
    runner.close()


def test_errors_are_told_in_terms_of_what_to_do() -> None:
    echo = "add table inet logban\n^^^^^\n"
    denied = explain(f"Error: Could not process rule: Operation not permitted\n{echo}")
    assert "CAP_NET_ADMIN" in str(denied)
    assert isinstance(explain("Error: No such file or directory\nlist x\n"), Missing)
    assert "size=" in str(explain("Error: Too many open files in system"))
    other = explain(f"Error: Device or resource busy\n{echo}")
    assert str(other) == "nft: Error: Device or resource busy"
    assert str(explain("something else\nentirely")) == "nft: something else"
    assert str(explain("")) == "nft: "
