# SPDX-License-Identifier: MIT
"""What both packet filters must do, shown on packets and on a real kernel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from logban.actions import catalogue
from logban.actions.iptables.action import Iptables
from logban.actions.iptables.action import sweep as sweep_iptables
from logban.actions.nftables.action import Nftables
from logban.actions.nftables.action import sweep as sweep_nftables
from logban.actions.nftables.runner import Library
from logban.actions.protocols import Missing
from logban.addresses import canonical_address
from logban.clock import SystemClock
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind
from logban.testing.clock import FakeClock
from logban.testing.waiting import wait

HOST, HOST6 = "198.51.100.1", "2001:db8:1::1"
BAD, NEIGHBOUR, FAR = "198.51.100.7", "198.51.100.8", "203.0.113.9"
BAD6, NEIGHBOUR6, FAR6 = "2001:db8:66::7", "2001:db8:66::8", "2001:db8:67::9"
NOW = FakeClock().now()


def ban(text, seconds: float | None = 600.0, now: float = NOW) -> Ban:
    """Ban what the text says, as written: no /64 is made of a single IPv6 address."""
    if "/" in text:
        subject = Subject.parse(text)
    else:
        subject = Subject(SubjectKind.IP, canonical_address(text))
    return Ban("sip", subject, now, None if seconds is None else now + seconds)


def ends(read) -> dict[str, float | None]:
    return {str(subject): end for subject, end in read.items()}


@dataclass
class Kind:
    """One way to drop packets, and how a test makes it."""

    action: str
    written: dict[str, str]
    made: list

    def build(self, jail: str = "sip", clock=None, **parameters: str):
        enforcer = self.unclosed(jail, clock, **parameters)
        self.made.append(enforcer)
        return enforcer

    def unclosed(self, jail: str, clock=None, **parameters: str):
        """Build one that whoever asks for it closes, in its own thread."""
        spec = catalogue.parse(jail, self.action, {**self.written, **parameters})
        enforcer = catalogue.build(spec, clock or FakeClock())
        assert isinstance(enforcer, Nftables | Iptables)
        return enforcer

    def prepared(self, jail: str = "sip", clock=None, **parameters: str):
        enforcer = self.build(jail, clock, **parameters)
        enforcer.prepare()
        return enforcer

    def sweep(self, keep: list[str]) -> list[str]:
        if self.action == "iptables":
            return sweep_iptables(keep)
        return sweep_nftables(keep, Library(self.written["library"]))

    def break_rules(self, space) -> list[Callable[[], str]]:
        """Give the ways in which somebody else could take the rules away."""
        if self.action == "iptables":
            raw = ["iptables-legacy", "-t", "raw"]
            six = ["ip6tables-legacy", "-t", "raw"]
            return [
                lambda: space.run([*raw, "-F"]),
                lambda: space.run([*six, "-F", "PREROUTING"]),
                lambda: space.run([*six, "-F", "logban-sip"]),
                lambda: space.run([*raw, "-D", "logban-sip", "2"]),
                lambda: space.run([*raw, "-I", "logban-sip", "1", "-j", "ACCEPT"]),
            ]
        table = ["inet", "logban"]
        return [
            lambda: space.run(["nft", "flush", "ruleset"]),
            lambda: space.run(["nft", "flush", "chain", *table, "sip-drop"]),
            lambda: space.run(["nft", "delete", "chain", *table, "sip-drop"]),
            lambda: space.run(["nft", "insert", "rule", *table, "sip-drop", "accept"]),
            lambda: space.run(["nft", "delete", "table", *table]),
        ]


@pytest.fixture(params=["library", "program", "iptables"])
def kind(request) -> Iterator[Kind]:
    by_name = {
        "library": ("nftables", {"library": "yes"}),
        "program": ("nftables", {"library": "no"}),
        "iptables": ("iptables", {}),
    }
    made = Kind(*by_name[request.param], [])
    yield made
    for enforcer in made.made:
        enforcer.close()


@pytest.fixture
def net(network):
    """Give the two hosts, with the test itself on the one that is attacked."""
    with network.host.enter():
        yield network


@pytest.fixture
def inside(namespace):
    with namespace.enter():
        yield namespace


def test_a_banned_source_is_dropped_for_udp_and_tcp_and_others_pass(net, kind) -> None:
    enforcer = kind.prepared()
    assert net.arrives(BAD)
    assert net.connects(BAD)
    enforcer.apply([ban(BAD)])
    assert not net.arrives(BAD)
    assert not net.connects(BAD)
    assert net.arrives(NEIGHBOUR)
    assert net.connects(NEIGHBOUR)
    enforcer.lift([ban(BAD)])
    assert net.arrives(BAD)
    assert net.connects(BAD)


def test_an_ipv6_ban_of_a_64_covers_the_neighbour_in_it_and_no_other(net, kind) -> None:
    enforcer = kind.prepared()
    enforcer.apply([ban("2001:db8:66::/64")])
    assert not net.arrives(BAD6)
    assert not net.arrives(NEIGHBOUR6)
    assert not net.connects(NEIGHBOUR6)
    assert net.arrives(FAR6)
    assert ends(enforcer.read()).keys() == {"2001:db8:66::/64"}


def test_networks_of_any_length_and_single_ipv6_addresses(net, kind) -> None:
    enforcer = kind.prepared()
    enforcer.apply([ban("198.51.100.0/24"), ban(BAD6)])
    assert not net.arrives(BAD)
    assert not net.arrives(NEIGHBOUR)
    assert net.arrives(FAR)
    assert not net.arrives(BAD6)
    assert net.arrives(NEIGHBOUR6)
    everything = {"198.51.100.0/24", BAD6, "10.0.0.0/8", "192.0.2.1/31", "2001:db8:a000::/35"}
    everything |= {"::1.2.3.4", "2001:db8:77::/127"}
    enforcer.apply([ban(one) for one in everything])
    read = ends(enforcer.read())
    assert read.keys() == {str(ban(one).subject) for one in everything}, (
        "what is read is what was banned, in logban's own spelling"
    )
    enforcer.lift([ban("198.51.100.0/24")])
    assert net.arrives(BAD)


def test_a_flow_that_conntrack_has_accepted_is_cut(net, kind) -> None:
    net.host.run(
        ["nft", "-f", "-"],
        "table inet admin { chain input { type filter hook input priority 0; policy drop; "
        "ct state established,related,new accept; }; }\n",
    )
    enforcer = kind.prepared()
    with net.host.udp(HOST, 5060) as server, net.peer.udp(BAD, 40000) as client:
        client.connect((HOST, 5060))
        for text in (b"one", b"two"):
            client.send(text)
            assert server.recvfrom(10)[0] == text
            server.sendto(b"answer", (BAD, 40000))
            assert client.recv(10) == b"answer"
        enforcer.apply([ban(BAD)])
        client.send(b"three")
        with net.peer.udp(FAR) as other:
            other.sendto(b"marker", (HOST, 5060))
        assert server.recv(10) == b"marker"


def test_a_ban_on_ports_leaves_other_ports_alone(net, kind) -> None:
    enforcer = kind.prepared(port="5060,5070:5080,sip-tls", protocol="udp")
    enforcer.apply([ban(BAD), ban("2001:db8:66::/64")])
    for source in (BAD, BAD6):
        for port in (5060, 5061, 5070, 5075, 5080):
            assert not net.arrives(source, port), port
        for port in (5059, 5062, 5069, 5081):
            assert net.arrives(source, port), port
    assert net.connects(BAD, 5060), "the ban is on UDP"


def test_more_ports_than_one_rule_of_iptables_holds(net, kind) -> None:
    ports = [str(port) for port in range(1000, 1080, 2)]
    enforcer = kind.prepared(port=",".join([*ports, "2000-2010", "3000-3001"]))
    enforcer.apply([ban(BAD)])
    for port in (1000, 1030, 1078, 2000, 2010, 3001):
        assert not net.arrives(BAD, port)
    assert net.arrives(BAD, 1001)
    assert ends(enforcer.read()) == {BAD: pytest.approx(NOW + 600, abs=30)}


def test_allports_looks_at_no_ports(net, kind) -> None:
    spec = catalogue.parse("sip", f"{kind.action}-allports", {"port": "5060", "protocol": "udp"})
    enforcer = catalogue.build(spec, FakeClock())
    kind.made.append(enforcer)
    enforcer.prepare()
    enforcer.apply([ban(BAD)])
    assert not net.arrives(BAD, 9999)
    assert net.connects(BAD, 9999)


def test_protocols_without_ports_and_all_protocols(net, kind) -> None:
    enforcer = kind.prepared(protocol="icmp", port="5060")
    assert net.pings(BAD)
    enforcer.apply([ban(BAD)])
    assert not net.pings(BAD)
    assert net.arrives(BAD)
    everything = kind.prepared("all", protocol="all")
    everything.apply([ban(NEIGHBOUR)])
    assert not net.pings(NEIGHBOUR)
    assert not net.arrives(NEIGHBOUR)


def test_all_protocols_on_a_port_are_those_that_have_ports(net, kind) -> None:
    enforcer = kind.prepared(protocol="all", port="5060")
    enforcer.apply([ban(BAD)])
    assert not net.arrives(BAD)
    assert not net.connects(BAD)
    assert net.arrives(BAD, 5061)
    assert net.pings(BAD)


def test_the_kernel_ends_a_ban_by_itself(net, kind) -> None:
    clock = SystemClock()
    enforcer = kind.prepared(clock=clock)
    enforcer.apply([ban(NEIGHBOUR, 600, clock.now())])
    for seconds in (1.0, 4.0, 16.0):  # as long as this machine takes to look
        begin = time.monotonic()
        enforcer.apply([ban(BAD, seconds, clock.now())])
        if not net.arrives(BAD):
            break
    else:
        pytest.fail("nothing of the ban was to be seen")
    enforcer.close()
    net.wait_until_arrives(BAD)
    assert time.monotonic() - begin >= 0.9 * seconds
    assert not net.arrives(NEIGHBOUR)


def test_what_is_read_does_not_outlive_its_timeout(inside, kind) -> None:
    """A context of libnftables keeps what it has listed; nobody may be told of it later on."""
    clock = SystemClock()
    enforcer = kind.prepared(clock=clock)
    enforcer.apply([ban(FAR, 600, clock.now())])
    for seconds in (0.8, 3.2, 12.8):  # as long as this machine takes to read
        enforcer.apply([ban(BAD, seconds, clock.now())])
        if ends(enforcer.read()).keys() == {BAD, FAR}:
            break
    else:
        pytest.fail("the ban was never read")
    wait(lambda: BAD not in ends(enforcer.read()))


def test_extending_a_ban_to_longer_shorter_and_for_ever_and_back(net, kind) -> None:
    clock = SystemClock()
    enforcer = kind.prepared(clock=clock)
    for seconds in (600.0, 7200.0, 60.0, None, 300.0, 10.0 * 86400 + 0.25):
        now = clock.now()
        enforcer.apply([ban(BAD, seconds, now), ban("2001:db8:66::/64", seconds, now)])
        expected = None if seconds is None else pytest.approx(now + seconds, abs=30)
        assert ends(enforcer.read()) == {BAD: expected, "2001:db8:66::/64": expected}
        assert not net.arrives(BAD)
    enforcer.apply([ban(BAD, 0.5, clock.now())])
    net.wait_until_arrives(BAD)


def test_a_ban_that_is_over_or_will_be_in_an_age(inside, kind) -> None:
    enforcer = kind.prepared()
    enforcer.apply([ban(BAD, -5), ban(FAR, 0), ban(NEIGHBOUR, 1e13), ban("10.0.0.1", 0.0004)])
    read = ends(enforcer.read())
    assert BAD not in read
    assert FAR not in read
    assert NEIGHBOUR in read


def test_of_two_bans_of_one_subject_the_last_counts(inside, kind) -> None:
    enforcer = kind.prepared()
    enforcer.apply(
        [ban(BAD, 600), ban(BAD, 60), ban(FAR, 60), ban(FAR, -1), ban("10.1.0.0/16", -1)]
    )
    assert ends(enforcer.read()) == {BAD: pytest.approx(NOW + 60, abs=30)}


def test_preparing_again_keeps_what_is_in_force(net, kind) -> None:
    first = kind.prepared()
    first.apply([ban(BAD), ban("203.0.113.128/25"), ban(BAD6)])
    before = first.read()
    first.prepare()
    assert first.read().keys() == before.keys()
    first.close()
    second = kind.prepared()  # as after a restart: it knows nothing of the odd prefix lengths
    assert ends(second.read()).keys() == {BAD, "203.0.113.128/25", BAD6}
    assert not net.arrives(BAD)
    assert not net.arrives(BAD6)
    second.lift([ban("203.0.113.128/25")])
    assert ends(second.read()).keys() == {BAD, BAD6}


def test_what_somebody_else_breaks_is_seen_and_mended(net, kind) -> None:
    enforcer = kind.prepared()
    for damage in kind.break_rules(net.host):
        enforcer.apply([ban(BAD)])
        assert not net.arrives(BAD)
        damage()
        with pytest.raises(Missing):
            enforcer.read()
        enforcer.prepare()
        enforcer.apply([ban(BAD)])
        assert ends(enforcer.read()).keys() == {BAD}
        assert not net.arrives(BAD)


def test_lifting_what_is_not_there_is_no_error(inside, kind) -> None:
    enforcer = kind.prepared()
    enforcer.apply([ban(FAR)])
    enforcer.lift([ban(BAD), ban(FAR), ban("10.0.0.0/9"), ban("2001:db8::/64")])
    assert enforcer.read() == {}
    many = [ban(f"10.0.{number}.1") for number in range(100)]
    enforcer.lift(many)
    enforcer.apply(many[:50])
    enforcer.lift(many)
    assert enforcer.read() == {}


def test_before_it_is_prepared_it_asks_to_be(inside, kind) -> None:
    enforcer = kind.build()
    with pytest.raises(Missing, match="not prepared"):
        enforcer.read()
    with pytest.raises(Missing, match="not prepared"):
        enforcer.apply([ban(BAD)])
    enforcer.close()
    enforcer.close()


def test_users_cannot_be_dropped_and_are_counted(inside, kind) -> None:
    enforcer = kind.prepared()
    user = Ban("sip", Subject(SubjectKind.USER, "", "6003"), NOW, NOW + 60)
    both = Ban("sip", Subject(SubjectKind.USER_IP, BAD, "6003"), NOW, NOW + 60)
    enforcer.apply([user, both, ban(FAR)])
    assert enforcer.unenforceable == 2
    assert ends(enforcer.read()).keys() == {FAR}
    enforcer.lift([user, both])
    assert ends(enforcer.read()).keys() == {FAR}


def test_twenty_thousand_bans_in_one_batch(inside, kind) -> None:
    enforcer = kind.prepared()
    four = [ban(f"10.{n >> 8}.{n & 255}.1") for n in range(15_000)]
    six = [ban(f"2001:db8:{n:x}::/64") for n in range(5_000)]
    enforcer.apply(four + six)
    assert enforcer.read().keys() == {one.subject for one in four + six}
    enforcer.lift(four)
    assert enforcer.read().keys() == {one.subject for one in six}


def test_jails_do_not_see_each_other(net, kind) -> None:
    names = ["sip", "sip-ipv4", "asterisk and more", "asterisk/and/more", "counter", "9", "ip"]
    names += ["Ünïcode", "x" * 300, "x" * 301, "", "drop", "a;flush ruleset", "sip-4"]
    enforcers = {name: kind.prepared("jail", name=name) for name in names}
    for number, enforcer in enumerate(enforcers.values()):
        enforcer.apply([ban(f"192.0.2.{number}")])
    for number, enforcer in enumerate(enforcers.values()):
        assert ends(enforcer.read()).keys() == {f"192.0.2.{number}"}
    enforcers["drop"].apply([ban(BAD)])
    assert not net.arrives(BAD)
    kind.sweep([name for name in names if name != "drop"])
    assert net.arrives(BAD)
    with pytest.raises(Missing):
        enforcers["drop"].read()
    assert ends(enforcers["sip"].read()).keys() == {"192.0.2.0"}


def test_two_actions_of_one_jail_with_names_of_their_own(net, kind) -> None:
    tcp = kind.prepared(name="sip-tcp", protocol="tcp")
    udp = kind.prepared(name="sip-udp", protocol="udp")
    tcp.apply([ban(BAD)])
    assert net.arrives(BAD)
    assert not net.connects(BAD)
    udp.apply([ban(BAD)])
    assert not net.arrives(BAD)
    tcp.lift([ban(BAD)])
    assert net.connects(BAD)
    assert not net.arrives(BAD)


def test_sweeping_takes_only_what_no_enforcer_has(inside, kind) -> None:
    kept, gone = kind.prepared("kept"), kind.prepared("gone")
    kept.apply([ban(BAD)])
    gone.apply([ban(BAD), ban("10.0.0.0/8")])
    names = kind.sweep(["kept", "never made"])
    assert names
    assert all("gone" in name for name in names)
    assert ends(kept.read()).keys() == {BAD}
    assert kind.sweep(["kept"]) == []
    gone.prepare()
    assert gone.read() == {}


def test_a_full_set_says_so_and_keeps_what_it_holds(inside, kind) -> None:
    enforcer = kind.prepared(size="30")
    enforcer.apply([ban(f"192.0.2.{number}") for number in range(10)])
    with pytest.raises(ActionError, match=r"full.*size"):
        enforcer.apply([ban(f"10.0.{number}.1") for number in range(100)])
    assert {f"192.0.2.{number}" for number in range(10)} <= ends(enforcer.read()).keys()


def test_without_the_right_to_it_the_error_names_the_capability(inside, kind, unprivileged) -> None:
    enforcer = kind.build()
    message = unprivileged(enforcer.prepare)
    assert message.startswith("ActionError"), message
    assert "CAP_NET_ADMIN" in message


def test_enforcers_in_threads_of_their_own_do_not_disturb_each_other(namespace, kind) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            with namespace.enter(), closing(kind.unclosed(name)) as enforcer:
                for number in range(15):
                    enforcer.prepare()
                    enforcer.apply([ban(f"10.0.{number}.0/{20 + number % 12}"), ban(BAD)])
                    assert len(enforcer.read()) > number
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(f"jail{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
