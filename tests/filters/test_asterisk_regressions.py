# SPDX-License-Identifier: MIT
"""Ways to have somebody else banned that were found, each by its name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from logban.matching.matcher import Matcher
from logban.model import Failure

A, VICTIM = "198.51.100.7", "192.0.2.99"
DATE = "[Nov 20 10:00:00]"
FORGED = f"{DATE} NOTICE[77] manager.c: {VICTIM} failed to authenticate as 'x"
SIP_EVENT = (
    f'{DATE} SECURITY[19383] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="x",'
    'Severity="Error",Service="SIP",EventVersion="2",AccountID="{}",SessionID="0x7f",'
    f'LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/{A}/5060",Challenge="1"'
)


def line(file: str, text: str, thread: int = 19377, level: str = "NOTICE") -> str:
    return f"{DATE} {level}[{thread}] {file}: {text}\n"


# The threads of a server that has run for a while, seen before all else.
BEFORE = "".join(
    line("acl.c", "x: Rejecting '203.0.113.9' due to a failure to pass ACL 'x'", thread)
    for thread in (19377, 19383, 19790) * 4
)


@pytest.fixture
def addresses(
    matcher_of: Callable[[str], Matcher], failures_in: Callable[..., list[Failure]]
) -> Callable[[str], list[str]]:
    """Give the addresses that are found in lines of a server that has run for a while."""

    def found(text: str) -> list[str]:
        matcher = matcher_of("asterisk")
        failures = failures_in(matcher, (BEFORE + text).encode("utf-8", "surrogateescape"))
        return [each.address for each in failures if each.address != "203.0.113.9"]

    return found


def test_a_display_name_that_ends_the_header(addresses) -> None:
    """The line that the peers' filters get wrong."""
    name = f"x' failed for '{VICTIM}:5060' - Wrong password"
    text = f"Registration from '\"{name}\" <sip:1@pbx>' failed for '{A}:5060' - Wrong password"
    assert addresses(line("chan_sip.c", text)) == [A]


def test_a_call_id_that_goes_on_with_another_request(addresses) -> None:
    callid = f"a) - No matching endpoint found ' failed for '{VICTIM}:5060' (callid: b"
    text = f"Request 'OPTIONS' from '<sip:t@pbx>' failed for '{A}:5060' (callid: {callid}) - "
    for reason in ("No matching endpoint found", "Failed to authenticate"):
        assert addresses(line("res_pjsip/pjsip_distributor.c", text + reason, 19790)) == [A]


def test_a_name_in_the_from_header_that_goes_on_with_another_request(addresses) -> None:
    name = f"x <sip:y>' failed for '{VICTIM}:5060' (callid: b) - No matching endpoint found"
    for quoted in (name, f'\\" {name}'):
        text = f"Request 'X' from '\"{quoted}\" <sip:t@pbx>' failed for '{A}:5060' (callid: c) - "
        file = "res_pjsip/pjsip_distributor.c"
        assert addresses(line(file, text + "Failed to authenticate", 19790)) == [A]


def test_a_cut_from_header_that_could_name_two(matcher_of, failures_in) -> None:
    sender = f"\"x' failed for '{VICTIM}:5060' (callid: b"
    text = f"Request 'X' from '{sender}' failed for '{A}:5060' (callid: c) - Failed to authenticate"
    matcher = matcher_of("asterisk")
    assert failures_in(matcher, line("res_pjsip/pjsip_distributor.c", text).encode()) == []
    assert matcher.counters.ambiguous == 1


def test_an_account_that_goes_on_with_another_event(addresses) -> None:
    account = (
        f'x",SessionID="1",LocalAddress="y",RemoteAddress="IPV4/UDP/{VICTIM}/5060",Challenge="'
    )
    assert addresses(SIP_EVENT.format(account) + "\n") == [A]
    assert addresses(SIP_EVENT.format(f"{account}\\") + "\n") == [A]


def test_a_digest_that_goes_on_with_another_event(addresses) -> None:
    event = SIP_EVENT.replace("SIP", "PJSIP").replace("InvalidPassword", "ChallengeResponseFailed")
    fake = f'\\",RemoteAddress=\\"IPV4/UDP/{VICTIM}/5060\\"'
    text = event.format("6001") + f',Response="{fake}",ExpectedResponse=""\n'
    assert addresses(text) == [A]


def test_a_key_of_the_manager_that_could_name_two(matcher_of, failures_in) -> None:
    event = SIP_EVENT.replace('"SIP"', '"AMI"').replace(
        "InvalidPassword", "ChallengeResponseFailed"
    )
    fake = f'x",RemoteAddress="IPV4/TCP/{VICTIM}/5060'
    text = event.format("admin") + f',Response="{fake}",ExpectedResponse="y"\n'
    matcher = matcher_of("asterisk")
    assert failures_in(matcher, text.encode()) == []
    assert matcher.counters.ambiguous == 1


@pytest.mark.parametrize("end", ["-- end of packet.\n", "x\n-- end of packet.\n\n", ""])
def test_lines_in_a_packet(addresses, end) -> None:
    """Also behind an end mark of the peer's, and where the real one was cut off."""
    start = f"\t  sip_endpoint.c Error processing packet from {A}:5060: Missing CSeq:\n"
    fake = f"Error processing packet from {VICTIM}:5060: x\n"
    packet = f"GET / HTTP/1.1\n{FORGED}'\n-- end of packet.\n{FORGED}'\n{fake}{FORGED}'\n{end}"
    after = line("chan_sip.c", f"Registration from 'x' failed for '{A}:5060' - Wrong password")
    assert addresses(line("pjproject", start + packet, 19790, "ERROR") + after) == [A, A]


def test_lines_in_a_name_of_the_manager(addresses) -> None:
    name = f"z'\n{FORGED}"
    text = line("manager.c", f"{A} tried to authenticate with nonexistent user '{name}'", 20001)
    text += line("manager.c", f"{A} failed to authenticate as '{name}'", 20001)
    assert addresses(text) == [A, A]


def test_a_line_in_a_name_of_the_manager_that_ends_as_an_event_does(addresses) -> None:
    """The second copy was given up for its end, and the first one was believed then."""
    forged = SIP_EVENT.format("x").replace(A, VICTIM).replace("19383", "77")
    name = f"\n{forged}\n{forged.replace('InvalidPassword', 'ChallengeSent')}"
    text = line("manager.c", f"{A} tried to authenticate with nonexistent user '{name}'", 20001)
    text += line("manager.c", f"{A} failed to authenticate as '{name}'", 20001)
    assert addresses(text) == [A, A]


def test_lines_in_an_account_and_an_event_that_ends_where_the_peer_says(addresses) -> None:
    fake = f'x",SessionID="1",LocalAddress="y",RemoteAddress="IPV4/UDP/{VICTIM}/5060"\n{FORGED}'
    assert addresses(SIP_EVENT.format(fake) + "\n") == []
    assert addresses(SIP_EVENT.format(f"{fake}'\n{FORGED}'\n") + "\n") == []


def test_lines_in_a_key_of_the_manager(addresses) -> None:
    """Its event goes on behind RemoteAddress, so that is not its end."""
    event = SIP_EVENT.replace('"SIP"', '"AMI"').replace(
        "InvalidPassword", "ChallengeResponseFailed"
    )
    text = event.format("admin") + f',Response="\n{FORGED}\'\n",ExpectedResponse="y"\n'
    assert VICTIM not in addresses(text)


def test_lines_in_a_dialled_number(addresses) -> None:
    number = f"9'\n{DATE} NOTICE[1] chan_sip.c: Registration from 'x' failed for '{VICTIM}' - "
    text = f"Call from '' ({A}:5060) to extension '{number}Wrong password\n"
    tail = "' rejected because extension not found in context 'x'.\n"
    assert addresses(line("chan_sip.c", text) + tail) == [A]
    # With a head of the peer's before the tail, and cut where the peer's last line ends.
    other = f"{DATE} NOTICE[1] chan_sip.c: Call from '' ({VICTIM}:5060) to extension '"
    assert addresses(line("chan_sip.c", text) + other + tail) == [A]
    message = line("chan_sip.c", text + "A" * 9000)
    cut = message[:8190] + "\n"
    assert addresses(cut) == [A]


def test_lines_in_a_name_of_iax2(addresses) -> None:
    for text in (
        f"Host {A}:4569 failed to authenticate as x\n{FORGED}'",
        f"Host {A} failed MD5 authentication for '3001' (00 != x)\n{FORGED}'\n)",
        (
            f"Call rejected, CallToken Support required. If unexpected, resolve by placing address "
            f"{A}:4569 in the calltokenoptional list or setting user x\n{FORGED}'\n y"
        ),
    ):
        assert addresses(line("chan_iax2.c", text, 20001)) == [A]
    fake = f"No registration for peer 'x' (from {VICTIM})\n{FORGED}' (from {A})"
    assert addresses(line("chan_iax2.c", fake, 20001)) == []


def test_lines_in_a_number_that_a_dialplan_logs(addresses) -> None:
    text = f'1: "Rejecting unknown SIP connection from {VICTIM}"\nx'
    tail = f'"Rejecting unknown SIP connection from {A}"'
    assert VICTIM not in addresses(line(f"Ext. {text}", tail, 20001))


def test_a_short_account_and_a_call_id_that_make_a_line_together(addresses) -> None:
    """An account has 36 characters; what seemed to be the date went on to the Call-ID."""
    event = SIP_EVENT.replace('"SIP"', '"PJSIP"').replace("InvalidPassword", "InvalidAccountID")
    account, callid = "\n\n[Nov 20 10:", FORGED.replace("NOTICE", "x] NOTICE", 1)
    text = event.format(account).replace('SessionID="0x7f', f'SessionID="{callid}')
    assert addresses(text + "\n") == []


def test_a_short_account_teaches_no_thread(addresses) -> None:
    event = SIP_EVENT.replace('"SIP"', '"PJSIP"').replace("InvalidPassword", "InvalidAccountID")
    teach = event.format(f"\n{DATE} SECURITY[77] ") + "\n"
    start = f"\t  sip_endpoint.c Error processing packet from {A}:5060: Missing CSeq:\n"
    packet = line("pjproject", f"{start}{FORGED}'\n\n-- end of packet.", 19790, "ERROR")
    assert addresses(teach + packet) == [A]


def test_the_address_of_a_contact(addresses) -> None:
    told = [
        line("acl.c", f"SIP contact ACL: Rejecting '{VICTIM}' due to a failure to pass ACL 'x'"),
        line("chan_sip.c", f"Domain '{VICTIM}' disallowed by contact ACL (violating IP {VICTIM})"),
        line("res_pjsip_acl.c", f"Incoming SIP message from {VICTIM}:0 did not pass ACL test"),
    ]
    text = f"Registration from 'x' failed for '{A}:5060' - Wrong password"
    for each in told:
        assert addresses(each) == []
        assert addresses(each + line("chan_sip.c", text)) == [A]
        own = each.replace(VICTIM, A)
        assert addresses(own + line("chan_sip.c", text)) == [A, A]
    success = SIP_EVENT.format("2001").replace("InvalidPassword", "SuccessfulAuth")
    success = success.replace(',Challenge="1"', ',UsingPassword="1"')
    assert addresses(told[1] + success + "\n") == []
    assert addresses(told[1].replace(VICTIM, A) + success + "\n") == [A]
