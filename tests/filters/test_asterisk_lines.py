# SPDX-License-Identifier: MIT
"""One line of each kind, in each form, and what the filter is to make of it."""

from __future__ import annotations

import json

import pytest

A, V6 = "198.51.100.7", "2001:db8:66::7"
REQUEST = (
    "res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '\"x\" <sip:6001@pbx>' failed for "
)
OPTIONS = REQUEST.replace("REGISTER", "OPTIONS")
EVENT = (
    'res_security_log.c: SecurityEvent="{}",EventTV="2026-11-20T10:16:24.139+0000",'
    'Severity="Error",Service="{}",EventVersion="1",AccountID="{}",SessionID="{}",'
    'LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="{}"{}'
)
UDP, TLS = f"IPV4/UDP/{A}/5061", f"IPV6/TLS/{V6}/5061"
IAX, SIP = "chan_iax2.c: ", "chan_sip.c: "

# The message, the rule, the kind, whether the source is proven, the captures asked about.
LINES = [
    (f"{SIP}Registration from '\"x\" <sip:2001@pbx>' failed for '{A}:5060' - Wrong password",
     "sip-register", "wrong-password", True, {"user": "2001"}),
    (f"{SIP}Registration from '<sip:21@pbx>' failed for '[{V6}]:56' - Username/auth name mismatch",
     "sip-register-mismatch", "wrong-password", False, {"user": "21"}),
    (f"{SIP}Registration from '<sip:pbx>' failed for '{A}' - No matching peer found",
     "sip-register-unknown", "unknown-user", False, {}),
    (f"{SIP}Registration from '<sip:2001@pbx>' failed for '{A}:5060' - Not a local domain",
     "sip-register-unknown", "unknown-user", False, {"user": "2001"}),
    (f"{SIP}Registration from '<sip:2001@pbx>' failed for '{A}:5060' - Device does not match ACL",
     "sip-register-acl", "acl", False, {"user": "2001"}),
    ((f"{SIP}Call from '' ({A}:5060) to extension '0044' rejected because extension not found in "
     "context 'a'."), "sip-call-rejected", "call-rejected", False, {"number": "0044"}),
    ((f"{SIP}Call from 'carrier' ({A}:5060) to extension '+4930' rejected because extension not "
     "found in context 'a'."), "sip-call-misdialled", "misdialled", False, {"number": "+4930"}),
    (f"{SIP}Invalid to address: 'x' from {A} (missing sip:) trying to use anyway...",
     "sip-malformed", "malformed", False, {}),
    (f"{SIP}Rejecting TCP/TLS packet from '{A}:5060' because way too large",
     "sip-too-large", "malformed", True, {"fport": "5060"}),
    (f"tcptls.c: Unable to set up ssl connection with peer '[{V6}]:5061'", "tls", "tls", True, {}),
    (f"pjproject: \t       SSL SSL_ERROR_SSL (Handshake): Level: 0 len: 0 peer: {A}:46000",
     "tls", "tls", True, {}),
    (f"{REQUEST}'{A}:5060' (callid: abc) - Failed to authenticate",
     "pjsip-request", "wrong-password", True,
     {"user": "6001", "method": "REGISTER", "callid": "abc"}),
    (f"{REQUEST}'[{V6}]:5060' (callid: abc) - No matching endpoint found after 5 tries in 2.5 ms",
     "pjsip-request-unknown", "unknown-user", False, {"user": "6001"}),
    (f"{OPTIONS}'{A}:5060' (callid: abc) - No matching endpoint found",
     "pjsip-options", "probe", False, {"user": "6001", "method": "OPTIONS", "callid": "abc"}),
    (f"{REQUEST}'{A}:5060' (callid: abc) - Not match Endpoint Contact ACL",
     "pjsip-request-acl", "acl", False, {"user": "6001"}),
    (f"res_pjsip_acl.c: Incoming SIP message from {A}:5060 did not pass ACL test",
     "pjsip-acl", "acl", False, {"fport": "5060"}),
    ((f"res_pjsip_session.c:  anonymous: Call (TCP:{A}:5060) to extension '0044' rejected because "
     "extension not found in context 'a'."), "pjsip-call-rejected", "call-rejected", True,
     {"number": "0044", "transport": "TCP"}),
    ((f"res_pjsip_session.c: Call from 'anonymous' (UDP:{A}:5060) to extension '0044' rejected "
     "because extension not found in context 'a'."), "pjsip-call-rejected", "call-rejected", False,
     {"number": "0044"}),
    ((f"res_pjsip_session.c:  anonymous@pbx: Call (UDP:{A}:5060) to extension '0044' rejected "
     "because extension not found in context 'a'."), "pjsip-call-rejected", "call-rejected", False,
     {"number": "0044"}),
    ((f"res_pjsip_session.c:  carrier: Call (TCP:{A}:5060) to extension '+4930' rejected because "
     "extension not found in context 'a'."), "pjsip-call-misdialled", "misdialled", False,
     {"number": "+4930", "transport": "TCP"}),
    ((f"res_pjsip_session.c: Call from '201' (UDP:{A}:5060) to extension '0044' rejected "
     "because extension not found in context 'a'."), "pjsip-call-misdialled", "misdialled", False,
     {"number": "0044"}),
    (f"res_pjsip_registrar.c: AOR '6009' not found for endpoint 'anonymous' ({A}:5060)",
     "pjsip-registrar", "unknown-user", False, {}),
    ((f"pjproject: \t       sip_transport.c Dropping 355 bytes packet from UDP {V6}:5060 : PJSIP "
     "syntax error exception when parsing '' header on line 2"), "pjsip-malformed", "malformed",
     False, {"fport": "5060", "transport": "UDP"}),
    ((f"pjproject: \t        sip_endpoint.c Error processing packet from {A}:5060: Missing "
     "required header(s)"), "pjsip-malformed", "malformed", False, {}),
    (EVENT.format("ChallengeResponseFailed", "PJSIP", "6001", "call@x", UDP,
                  ',Challenge="1",Response="2",ExpectedResponse=""'),
     "security-response", "wrong-password", True, {"user": "6001", "callid": "call@x"}),
    (EVENT.format("InvalidPassword", "SIP", "2001", "0x7f", UDP,
                  ',Challenge="0a",ReceivedChallenge="0a",ReceivedHash="1"'),
     "security-response", "wrong-password", True, {"user": "2001", "session": "0x7f"}),
    (EVENT.format("InvalidPassword", "SIP", "2001", "0x7f", UDP,
                  ',Challenge="0a",ReceivedChallenge="zz",ReceivedHash="1"'),
     "security-password", "wrong-password", False, {"user": "2001"}),
    (EVENT.format("InvalidPassword", "SIP", "2001", "0x7f", TLS, ""),
     "security-password", "wrong-password", True, {"transport": "TLS"}),
    (EVENT.format("InvalidAccountID", "PJSIP", "<unknown>", "c", UDP, ""),
     "security-unknown", "unknown-user", False, {"user": None}),
    (EVENT.format("InvalidAccountID", "AMI", "bob", "0x7f", f"IPV4/TCP/{A}/4000",
                  ',SessionTV="1970-01-01T00:00:00.000+0000"'),
     "security-unknown", "unknown-user", True, {"user": "bob"}),
    (EVENT.format("FailedACL", "SIP", "0044", "0x7f", UDP, ',ACLName="no_extension_match"'),
     "security-call-rejected", "call-rejected", False, {}),
    *((EVENT.format(event, "PJSIP", "6001", "c", UDP, more), "security-acl", "acl", False, {})
      for event, more in (
          ("FailedACL", ',ACLName="x"'),
          ("UnexpectedAddress", ',ExpectedAddress="IPV4/UDP/192.0.2.9/1"'),
          ("InvalidTransport", ',AttemptedTransport="UDP"'),
          ("RequestNotAllowed", ',RequestType="x"'),
          ("AuthMethodNotAllowed", ',AuthMethod="x"'),
          ("RequestNotSupported", ',RequestType="x"'))),
    (EVENT.format("RequestBadFormat", "AMI", "bob", "0x7f", f"IPV4/TCP/{A}/1", ',RequestType="x"'),
     "security-malformed", "malformed", True, {}),
    (f"acl.c: SIP Peer ACL: Rejecting '{A}' due to a failure to pass ACL '(BASELINE)'",
     "acl", "acl", False, {}),
    (f"manager.c: {A} failed to authenticate as 'admin'",
     "manager", "wrong-password", True, {"user": "admin"}),
    (f"manager.c: {V6} tried to authenticate with nonexistent user 'admin'",
     "manager-unknown", "unknown-user", True, {"user": "admin"}),
    (f"manager.c: {A} failed to pass IP ACL as 'admin'", "manager-acl", "acl", True,
     {"user": "admin"}),
    (f"{IAX}Host {A} failed MD5 authentication for '3001' (00 != 11)",
     "iax", "wrong-password", True, {"user": "3001"}),
    (f"{IAX}Host {A}:4569 failed to authenticate as 3001",
     "iax", "wrong-password", True, {"user": "3001"}),
    (f"{IAX}No registration for peer '3009' (from {A})", "iax-unknown", "unknown-user", False,
     {"user": "3009"}),
    (f"{IAX}Peer 'trunk' is not dynamic (from {V6})", "iax-unknown", "unknown-user", False,
     {"user": "trunk"}),
    (f"{IAX}Empty registration from {A}", "iax-unknown", "unknown-user", False, {}),
    (f"{IAX}Host {A} denied access to register peer '3001'", "iax-acl", "acl", False,
     {"user": "3001"}),
    ((f"{IAX}Call rejected, CallToken Support required. If unexpected, resolve by placing address "
     f"{A}:4569 in the calltokenoptional list or setting user x requirecalltoken=no"),
     "iax-call-rejected", "call-rejected", False, {}),
    (f"{IAX}Rejected connect attempt from {A}, who was trying to reach '0044@a'",
     "iax-call-rejected", "call-rejected", False, {"number": "0044"}),
    (f'Ext. 0044: "Rejecting unknown SIP connection from {A}"',
     "dialplan", "call-rejected", False, {"number": "0044"}),
    (f"Ext. 0044: Friendly Scanner from {V6}", "dialplan-scanner", "scan", False, {}),
]  # fmt: skip


def level_of(message: str) -> str:
    return "SECURITY" if message.startswith("res_security") else "NOTICE"


def to_file(message: str, moment: str = "Nov 20 10:00:00") -> str:
    return f"[{moment}] {level_of(message)}[19377] {message}"


def to_plain(message: str) -> str:
    file, text = message.split(": ", 1)
    return f"[Nov 20 10:00:00] {level_of(message)}[19377][C-0000000e]: {file}:42 func: {text}"


def to_syslog(message: str, head: str = "Nov 20 10:00:00 pbx asterisk[812]: ") -> str:
    file, text = message.split(": ", 1)
    written = text.replace("\t", "#011")
    return f"{head}{level_of(message)}[19377][C-0000000e]: {file}:42 in some_func: {written}"


def to_console(message: str) -> str:
    file, text = message.split(": ", 1)
    return (
        f"[Nov 20 10:00:00] \x1b[1;33m{level_of(message)}\x1b[0m[19377]: \x1b[1;37m{file}\x1b[0m:"
        f"\x1b[1;37m42\x1b[0m \x1b[1;37msome_func\x1b[0m: {text}"
    )


def to_json(message: str) -> str:
    file, text = message.split(": ", 1)
    record = {
        "hostname": "", "timestamp": "Nov 20 10:00:00", "identifiers": {"lwp": 1, "callid": ""},
        "logmsg": {"location": {"filename": file, "function": "f", "line": 1},
                   "level": level_of(message), "message": f"{text}\n"},
    }  # fmt: skip
    return json.dumps(record, separators=(",", ":"))


FORMS = {
    "file": to_file,
    "file-iso": lambda message: to_file(message, "2026-11-20T10:00:00.123+0000"),
    "file-ms": lambda message: to_file(message, "2026-11-20 10:00:00.123"),
    "file-epoch": lambda message: to_file(message, "1795168800"),
    "file-day-first": lambda message: to_file(message, "20/11/2026 10:00:00"),
    "file-clock": lambda message: to_file(message, "10:00:00"),
    "file-strange": lambda message: to_file(message, "Freitag, 20. 10 Uhr"),
    "plain": to_plain,
    "syslog": to_syslog,
    "syslog-iso": lambda message: to_syslog(
        message, "2026-11-20T10:00:00.123456+00:00 pbx asterisk[812]: "
    ),
    "syslog-priority": lambda message: to_syslog(
        message, "<133>Nov 20 10:00:00 pbx asterisk[812]: "
    ),
    "syslog-5424": lambda message: to_syslog(
        message, "<133>1 2026-11-20T10:00:00.123456+00:00 pbx asterisk 812 - - "
    ),
    "syslog-5424-data": lambda message: to_syslog(
        message, '<133>1 2026-11-20T10:00:00Z pbx asterisk 812 - [timeQuality tzKnown="1"] '
    ),
    "journal": lambda message: to_syslog(message, ""),
    "journal-name": lambda message: to_syslog(message, "asterisk[812]: "),
    "console": to_console,
    "json": to_json,
    "json-syslog": lambda message: f"Nov 20 10:00:00 pbx asterisk[812]: {to_json(message)}",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_line_in_every_form(matcher_of, failures_in, form) -> None:
    matcher = matcher_of("asterisk")
    for message, rule, kind, proven, fields in LINES:
        line = FORMS[form](message)
        found = failures_in(matcher, line.encode() + b"\n")
        assert len(found) == 1, line
        failure = found[0]
        assert failure.address == (V6 if V6 in message else A), line
        assert (failure.rule, failure.kind, failure.proven) == (rule, kind, proven), line
        assert {name: failure.fields.get(name) for name in fields} == fields, line
        if form not in ("file-strange", "journal", "journal-name", "file-clock"):
            assert failure.time is not None, line


def test_every_rule_is_shown_by_a_line(matcher_of) -> None:
    shown = {rule for _, rule, *_ in LINES}
    # These name nobody, or only what another line bears out; see the regressions.
    without = {"pjsip-request-ambiguous", "contact-acl"}
    # Theirs are in test_asterisk_successes.
    without |= {"security-success", "security-success-sip", "registered"}
    assert {rule.name for rule in matcher_of("asterisk")._reader.rules} == shown | without


@pytest.mark.parametrize(
    "message",
    [
        EVENT.format("SuccessfulAuth", "PJSIP", "6001", "c", UDP, ',UsingPassword="1"'),
        EVENT.format("ChallengeSent", "PJSIP", "6001", "c", UDP, ',Challenge="1"'),
        EVENT.format("SessionLimit", "AMI", "bob", "c", UDP, ""),
        EVENT.format("MemoryLimit", "PJSIP", "bob", "c", UDP, ""),
        EVENT.format("LoadAverageLimit", "AMI", "bob", "c", UDP, ""),
        "chan_sip.c: Peer '2001' is now Reachable. (12ms / 2000ms)",
        f"acl.c: SIP ACL: Rejecting '{A}' due to use of an invalid ACL 'x'.",
        f"manager.c: Connect attempt from '{A}' unable to authenticate",
        "chan_sip.c: Failed to authenticate device <sip:x@192.0.2.99>;tag=1 for INVITE, code = -1",
        f"app_dial.c: Registration from 'x' failed for '{A}:5060' - Wrong password",
        f"chan_sip.c: x Registration from 'x' failed for '{A}:5060' - Wrong password",
    ],
)
def test_what_is_no_failure(matcher_of, failures_in, message) -> None:
    matcher = matcher_of("asterisk")
    for form in FORMS.values():
        assert failures_in(matcher, form(message).encode() + b"\n") == []
