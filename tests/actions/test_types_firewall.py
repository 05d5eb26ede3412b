# SPDX-License-Identifier: MIT
"""What a jail can tell the two packet filters."""

from __future__ import annotations

import subprocess
import sys

import pytest

from logban.actions import catalogue
from logban.actions.declaration import ParameterError
from logban.actions.types_firewall import IPTABLES, NFTABLES

NAMES = [
    ("iptables", "iptables", "multiport"),
    ("iptables-multiport", "iptables", "multiport"),
    ("iptables-allports", "iptables", "allports"),
    ("iptables-new", "iptables", "multiport"),
    ("iptables-ipset", "iptables", "multiport"),
    ("iptables-ipset-proto4", "iptables", "multiport"),
    ("iptables-ipset-proto6", "iptables", "multiport"),
    ("iptables-ipset-proto6-allports", "iptables", "allports"),
    ("nftables", "nftables", "multiport"),
    ("nftables-multiport", "nftables", "multiport"),
    ("nftables-allports", "nftables", "allports"),
]


@pytest.mark.parametrize(("written", "name", "kind"), NAMES)
def test_fail2bans_names(written: str, name: str, kind: str) -> None:
    spec = catalogue.parse("sip", written, {})
    assert spec.type_name == name
    assert spec.parameters["type"] == kind
    assert spec.parameters["protocol"] == (6, 17), "a ban of TCP alone leaves SIP open"
    assert spec.parameters["port"] == ()
    assert spec.notes == ()


def test_the_action_of_a_wellknown_guide() -> None:
    spec = catalogue.parse(
        "asterisk-iptables",
        "iptables-allports",
        {"name": "ASTERISK", "protocol": "udp", "port": "5060"},
    )
    assert spec.parameters["name"] == "ASTERISK"
    assert spec.parameters["protocol"] == (17,)
    assert spec.parameters["type"] == "allports"


def test_what_fail2ban_passes_and_logban_does_not_follow_is_told() -> None:
    written = {"port": "0:65535", "protocol": "tcp", "chain": "INPUT", "blocktype": "REJECT"}
    for name in ("iptables-multiport", "nftables-multiport"):
        spec = catalogue.parse("sip", name, written)
        assert len(spec.notes) == 2
        assert any("chain=" in note for note in spec.notes)


FAIL2BAN = {
    "iptables": "actname blocktype chain iptables lockingopt name port protocol returntype type",
    "nftables": "actname addr_family addr_set addr_type blocktype chain chain_hook chain_priority "
    "chain_type name nftables port protocol table table_family type",
}


@pytest.mark.parametrize("kind", [IPTABLES, NFTABLES], ids=lambda kind: kind.name)
def test_every_parameter_of_fail2ban_is_taken_and_each_only_once(kind) -> None:
    names = [parameter.name for parameter in kind.parameters]
    assert set(FAIL2BAN[kind.name].split()) <= set(names)
    assert len(names) == len(set(names))
    for parameter in kind.parameters:
        assert parameter.doc


@pytest.mark.parametrize(
    "written",
    [
        {"port": "sipp"},
        {"protocol": "upd"},
        {"type": "custom"},
        {"size": "0"},
        {"size": "many"},
        {"size": str(1 << 27)},
        {"name": "a\nb"},
        {"ports": "5060"},
    ],
)
def test_what_cannot_be_followed_is_refused(written: dict[str, str]) -> None:
    with pytest.raises(ParameterError):
        catalogue.parse("sip", "nftables", written)


def test_the_right_values_are_read() -> None:
    spec = catalogue.parse("sip", "nftables", {"size": " 100 ", "library": "no", "name": " x "})
    assert (spec.parameters["size"], spec.parameters["library"]) == (100, "no")
    assert spec.parameters["name"] == "x"


def test_reading_the_configuration_loads_neither_iptc_nor_pyroute2() -> None:
    """It runs modprobe and ldconfig: only a jail that uses it may make that happen."""
    program = (
        "import sys; from logban.actions import catalogue; "
        "catalogue.parse('sip', 'iptables', {}); "
        "sys.exit(bool({'iptc', 'pyroute2', 'logban.actions.iptables.action'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
