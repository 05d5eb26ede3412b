# SPDX-License-Identifier: MIT
"""Who got in, by Asterisk's lines: found in the real logs, and not to be made up by a peer."""

from __future__ import annotations

import re

import pytest

A, VICTIM = "198.51.100.7", "192.0.2.99"
DATE = "[2026-11-20 10:00:00.000]"
EVENT = (
    DATE + ' SECURITY[19383] res_security_log.c: SecurityEvent="SuccessfulAuth",EventTV="x",'
    'Severity="Informational",Service="{service}",EventVersion="1",AccountID="{user}",'
    'SessionID="{session}",LocalAddress="IPV4/UDP/192.0.2.1/5060",'
    'RemoteAddress="IPV4/UDP/{address}/5060",UsingPassword="{password}"'
)
LOGS = ["asterisk22-benign.security", "asterisk22-pjsip-mixed.full", "asterisk16-chansip-ms.full",
        "asterisk16-chansip-ms.syslog", "asterisk22-pjsip.syslog-iso",
        "asterisk16-chansip-v6.security"]  # fmt: skip


def event(user="6001", session="c", service="PJSIP", address=A, using="1") -> str:
    return EVENT.format(
        user=user, session=session, service=service, address=address, password=using
    )


@pytest.fixture
def successes(matcher_of, successes_in):
    """Give user and address of the successes that are found in some lines."""

    def found(*lines: str) -> list[tuple[str, str]]:
        data = "".join(f"{each}\n" for each in lines).encode("utf-8", "surrogateescape")
        outcomes = successes_in(matcher_of("asterisk"), data)
        return [(each.fields["user"], each.address) for each in outcomes]

    return found


@pytest.mark.parametrize("name", LOGS)
def test_all_who_got_in_are_found(matcher_of, successes_in, corpus_log, name) -> None:
    """Compared with a plain reading of the lines, which were made by well-behaved phones."""
    log = corpus_log(name)
    expected = []
    for line in log.data.decode("utf-8", "replace").split("\n"):
        if 'SecurityEvent="SuccessfulAuth"' in line and 'UsingPassword="1"' in line:
            values = dict(re.findall(r'(\w+)="([^"]*)"', line))
            address = values["RemoteAddress"].split("/")[2]
            expected.append((values["AccountID"], address))
        elif registered := re.search(r"Registered SIP '(\w+)' at (.+):\d+$", line):
            expected.append((registered[1], registered[2].strip("[]")))
        elif added := re.search(r"Added contact 'sip:\w+@(.+):\d+' to AOR '(\w+)'", line):
            expected.append((added[2], added[1].strip("[]")))
    assert expected
    found = successes_in(matcher_of("asterisk"), log.data)
    assert [(each.fields["user"], each.address) for each in found] == expected


def test_the_forms_of_the_lines(successes) -> None:
    assert successes(event(), event("2001", service="SIP")) == [("6001", A), ("2001", A)]
    old = f"{DATE} VERBOSE[1] chan_sip.c:     -- Registered SIP '2001' at {A}:5060"
    plain = f"{DATE} VERBOSE[1][C-0000000e]: chan_sip.c:17 parse: Registered SIP '2001' at {A}:5060"
    assert successes(old, plain) == [("2001", A)] * 2
    added = "res_pjsip_registrar.c: Added contact 'sips:[2001:db8::7];x=y' to AOR '6001' with "
    line = f"{DATE} VERBOSE[1] {added}expiration of 60 seconds"
    assert successes(line) == [("6001", "2001:db8::7")]


@pytest.mark.parametrize(
    "line",
    [
        event(using="0"),  # nobody asked for a password
        event(user=""),
        event(service="AMI"),
        event(user=f'x",RemoteAddress="IPV4/UDP/{VICTIM}/5060",UsingPassword="1'),
        event(session=f'c",LocalAddress="l",RemoteAddress="IPV4/UDP/{VICTIM}/1",UsingPassword="1"'),
        event(address=f'{VICTIM}/5060",UsingPassword="1",RemoteAddress="IPV4/UDP/{A}'),
        event().replace("res_security_log.c", "chan_sip.c"),
        f"x {event()}",
        f"{DATE} VERBOSE[1] app_verbose.c: Registered SIP '2001' at {A}:5060",
        f"{DATE} VERBOSE[1] chan_sip.c: Unregistered SIP '2001' at {A}:5060",
        f"{DATE} VERBOSE[1] chan_sip.c: Registered SIP '2001' at {VICTIM}:1 at {A}:5060' at x:1",
    ],
)
def test_what_is_no_success(successes, line) -> None:
    assert successes(line) == []


def test_no_peer_makes_himself_a_success(successes) -> None:
    """His own failures in his message are believed, but nothing that is to his advantage."""
    before = [
        f"{DATE} NOTICE[{number}] chan_sip.c: Registration from '<sip:9@x>' failed for "
        "'203.0.113.9:5060' - Wrong password"
        for number in [1, 2, 3, 4, 5, 19383] * 10
    ]
    call = f"{DATE} NOTICE[19383][C-1] chan_sip.c: Call from '' ({A}:5060) to extension 'x"
    forged = event().replace("SECURITY[19383]", "SECURITY[77]")
    end = "' rejected because extension not found in context 'a'."
    assert successes(*before, call, forged, end) == []
    # The server's own thread is known, and no peer is told of it.
    assert successes(*before, call, event(), end) == [("6001", A)]
