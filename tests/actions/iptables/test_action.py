# SPDX-License-Identifier: MIT
"""iptables alone: its chains, its ipsets, its library's ways."""

from __future__ import annotations

import fcntl
import logging
import os
import threading

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from logban.actions import catalogue, process
from logban.actions.iptables import chains as ip_chains
from logban.actions.iptables import sets as ip_sets
from logban.actions.iptables.action import chain_of, set_of, sweep
from logban.actions.iptables.chains import Chains
from logban.actions.iptables.sets import Sets
from logban.actions.protocols import Missing
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind
from logban.testing.clock import FakeClock

BAD = "198.51.100.7"
NOW = FakeClock().now()
RAW = ["iptables-legacy", "-t", "raw"]
RAW6 = ["ip6tables-legacy", "-t", "raw"]


def ban(text: str, seconds: float | None = 600.0) -> Ban:
    return Ban("sip", Subject.parse(text), NOW, None if seconds is None else NOW + seconds)


@pytest.fixture
def inside(namespace):
    with namespace.enter():
        yield namespace


@pytest.fixture
def build(inside):
    made = []

    def build(name: str = "sip", **written: str):
        enforcer = catalogue.build(catalogue.parse(name, "iptables", written), FakeClock())
        made.append(enforcer)
        return enforcer

    yield build
    for enforcer in made:
        enforcer.close()


def test_one_static_rule_a_protocol_and_one_jump_however_often_prepared(build, inside) -> None:
    inside.run([*RAW, "-A", "PREROUTING", "-p", "udp", "-j", "ACCEPT"])
    enforcer = build("ASTERISK", port="5060,5062:5063")
    for number in range(3):
        enforcer.prepare()
        enforcer.apply([ban(f"192.0.2.{number}"), ban(f"2001:db8:{number}::/64")])
    assert inside.run([*RAW, "-S"]).splitlines() == [
        "-P PREROUTING ACCEPT",
        "-P OUTPUT ACCEPT",
        "-N logban-ASTERISK",
        "-A PREROUTING -j logban-ASTERISK",
        "-A PREROUTING -p udp -j ACCEPT",
        *(
            f"-A logban-ASTERISK -p {protocol} -m multiport --dports 5060,5062:5063 "
            "-m set --match-set logban-ASTERISK-4 src -j DROP"
            for protocol in ("tcp", "udp")
        ),
    ]
    six = inside.run([*RAW6, "-S", "logban-ASTERISK"]).splitlines()
    assert len(six) == 3
    assert all("--match-set logban-ASTERISK-6 src -j DROP" in line for line in six[1:])


def test_no_other_table_is_opened(build, inside) -> None:
    """Opening the table nat would switch connection tracking on for the whole host."""
    enforcer = build()
    enforcer.prepare()
    enforcer.read()
    sweep(["sip"])
    for names in ("ip_tables_names", "ip6_tables_names"):
        assert inside.run(["cat", f"/proc/thread-self/net/{names}"]).split() == ["raw"]


def test_stdout_is_never_diverted(build, monkeypatch) -> None:
    enforcer = build(port="5060")
    ip_chains._library()
    duplicated: list[int] = []
    monkeypatch.setattr(os, "dup2", lambda *numbers: duplicated.append(numbers[0]))
    enforcer.prepare()
    enforcer.read()
    assert duplicated == []


def test_the_rules_of_others_survive_sweeping(build, inside) -> None:
    inside.run([*RAW, "-N", "mine"])
    inside.run([*RAW, "-A", "PREROUTING", "-s", "10.0.0.0/8", "-j", "mine"])
    inside.run(["ipset", "create", "mine", "hash:ip"])
    before = inside.run([*RAW, "-S"])
    build("one").prepare()
    build("two").prepare()
    inside.run([*RAW, "-A", "PREROUTING", "-j", "logban-one"])
    assert sweep([]) == [
        "logban-one",
        "logban-two",
        "logban-one-4",
        "logban-one-6",
        "logban-two-4",
        "logban-two-6",
    ]
    assert inside.run([*RAW, "-S"]) == before
    assert inside.run(["ipset", "list", "-n"]).split() == ["mine"]


@pytest.mark.parametrize(
    "made",
    [
        ["sip-4", "hash:net"],
        ["sip-4", "hash:ip", "timeout", "0"],
        ["sip-6", "hash:net", "timeout", "0"],
    ],
)
def test_a_set_of_somebody_elses_is_refused_by_name(build, inside, made) -> None:
    name = f"logban-{made[0]}"
    inside.run(["ipset", "create", name, *made[1:]])
    with pytest.raises(ActionError, match=rf"ipset {name} .*ipset destroy {name}"):
        build().prepare()
    enforcer = build()
    with pytest.raises(ActionError):
        enforcer.prepare()
    with pytest.raises(Missing, match="not prepared"):
        enforcer.read()


def test_a_set_of_another_size_is_kept_with_its_members(build) -> None:
    first = build(size="1000")
    first.prepare()
    first.apply([ban(BAD)])
    second = build(size="2000")
    second.prepare()
    assert [str(subject) for subject in second.read()] == [BAD]


def test_sets_that_are_gone_are_missed(build, inside) -> None:
    enforcer = build()
    enforcer.prepare()
    inside.run([*RAW, "-F"])
    inside.run([*RAW6, "-F"])
    inside.run(["ipset", "destroy"])
    for bans in ([ban(BAD)], [ban(f"10.0.{number}.1") for number in range(50)]):
        with pytest.raises(Missing, match="no ipset logban-sip-4"):
            enforcer.apply(bans)
        enforcer.lift(bans)
    with pytest.raises(Missing):
        enforcer.read()


def test_what_an_ipset_cannot_count_is_capped_and_told_once(build, caplog) -> None:
    enforcer = build()
    enforcer.prepare()
    with caplog.at_level(logging.WARNING):
        enforcer.apply([ban(BAD, 40 * 86400), ban("192.0.2.1", None)])
        enforcer.apply([ban(BAD, 40 * 86400)])
    assert enforcer.read() == {
        ban(BAD).subject: pytest.approx(NOW + 2147483, abs=30),
        ban("192.0.2.1").subject: None,
    }
    assert len(caplog.records) == 1
    assert "2147483 seconds" in caplog.text


def test_a_fraction_of_a_second_is_no_ban_for_ever(build) -> None:
    enforcer = build()
    enforcer.prepare()
    enforcer.apply([ban(BAD, 0.001)])
    assert None not in enforcer.read().values()


def test_a_ban_of_everybody_is_left_out_and_counted(build) -> None:
    enforcer = build()
    enforcer.prepare()
    everybody = [
        Ban("sip", Subject(SubjectKind.NET, net), NOW, None) for net in ("0.0.0.0/0", "::/0")
    ]
    enforcer.apply(everybody)
    enforcer.lift(everybody)
    assert enforcer.unenforceable == 2
    assert enforcer.read() == {}


def test_without_the_ipset_program_pyroute2_does_it_all(build, monkeypatch) -> None:
    monkeypatch.setattr(process, "ENVIRONMENT", {"PATH": "/nowhere"})
    enforcer = build(size="200")
    enforcer.prepare()
    assert enforcer.read() == {}
    bans = [ban(f"10.0.{number}.0/{24 + number % 9}") for number in range(50)]
    bans += [ban("::1.2.3.0/120"), ban("2001:db8::/64", None)]
    enforcer.apply(bans)
    assert enforcer.read() == {
        one.subject: None if one.until is None else pytest.approx(one.until, abs=30) for one in bans
    }
    enforcer.lift(bans[:50])
    assert enforcer.read().keys() == {one.subject for one in bans[50:]}
    with pytest.raises(ActionError, match="full"):
        enforcer.apply([ban(f"10.1.{n >> 8}.{n & 255}") for n in range(2000)])


def test_a_program_that_hangs_or_cannot_start_is_an_error(build, monkeypatch, tmp_path) -> None:
    program = tmp_path / "ipset"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(process, "ENVIRONMENT", {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    monkeypatch.setattr(ip_sets, "_TIMEOUT", 0.1)
    enforcer = build()
    enforcer.prepare()
    with pytest.raises(ActionError, match="did not end"):
        enforcer.read()
    program.unlink()
    with pytest.raises(ActionError, match="cannot be run"):
        enforcer.read()


def test_a_kernel_without_the_table_is_told_with_the_way_out(inside, monkeypatch) -> None:
    monkeypatch.setattr(ip_chains, "_TABLE", "nosuch")
    for version, program in ((4, "iptables"), (6, "ip6tables")):
        with pytest.raises(ActionError, match=rf"no {program}-legacy .*write nftables instead"):
            Chains(version).names()


def test_a_kernel_that_refuses_is_told_with_the_capability(inside, unprivileged) -> None:
    ip_chains._library()
    message = unprivileged(Chains(4).names)
    assert message.startswith("ActionError")
    assert "CAP_NET_ADMIN and CAP_NET_RAW" in message


def test_what_else_the_library_says_is_passed_on(inside) -> None:
    with pytest.raises(ActionError, match=r"^iptables: can't delete chain|^iptables: can't flush"):
        Chains(4).remove("logban-nobody")


def test_a_set_in_use_cannot_be_destroyed_and_the_error_is_ipsets(build) -> None:
    build().prepare()
    sets = Sets()
    with pytest.raises(ActionError, match="in use"):
        sets.destroy("logban-sip-4")
    sets.close()


def test_without_python_iptables_nftables_is_named(inside, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "iptc", None)
    ip_chains._library.cache_clear()
    try:
        with pytest.raises(ActionError, match="write nftables instead"):
            Chains(4).names()
    finally:
        ip_chains._library.cache_clear()


def test_the_lock_of_the_iptables_programs_is_waited_for(build, monkeypatch, tmp_path) -> None:
    lock = tmp_path / "xtables.lock"
    monkeypatch.setattr(ip_chains, "_LOCK_FILE", str(lock))
    enforcer = build()
    enforcer.prepare()
    handle = os.open(lock, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    monkeypatch.setattr(ip_chains, "_LOCK_SECONDS", 0.1)
    with pytest.raises(ActionError, match="another program has held"):
        enforcer.read()
    monkeypatch.setattr(ip_chains, "_LOCK_SECONDS", 30)
    waited = threading.Event()

    def release() -> None:
        waited.set()
        os.close(handle)

    real = ip_chains.time.sleep
    monkeypatch.setattr(
        ip_chains.time, "sleep", lambda seconds: real(seconds) if waited.is_set() else release()
    )
    assert enforcer.read() == {}
    assert waited.is_set()


def test_without_a_place_for_the_lock_it_goes_on(build, monkeypatch) -> None:
    monkeypatch.setattr(ip_chains, "_LOCK_FILE", "/nowhere/xtables.lock")
    enforcer = build()
    enforcer.prepare()
    assert enforcer.read() == {}


def test_what_the_kernel_says_is_told_in_terms_of_what_to_do() -> None:
    for fault in (NetlinkError(1, "x"), PermissionError(1, "x"), "Operation not permitted"):
        assert "CAP_NET_ADMIN" in str(ip_sets.explain(fault, "a"))
    for fault in (NetlinkError(2, "x"), "The set with the given name does not exist"):
        assert isinstance(ip_sets.explain(fault, "a"), Missing)
    for fault in (NetlinkError(4352, "x"), "Hash is full, cannot add more elements"):
        assert "size=" in str(ip_sets.explain(fault, "a"))
    assert str(ip_sets.explain("something else", "a")) == "ipset a: something else"


def test_names_fit_the_kernels_limits() -> None:
    for name in ("a", "asterisk-iptables", "x" * 21, "x" * 22, "ä b", ""):
        assert len(chain_of(name)) <= 28
        assert len(set_of(name, 6)) <= 31
    assert chain_of("ASTERISK") == "logban-ASTERISK"
    assert set_of("ASTERISK", 4) == "logban-ASTERISK-4"
