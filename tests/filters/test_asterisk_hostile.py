# SPDX-License-Identifier: MIT
"""Every message of Asterisk's with hostile text in every place that a peer can write to.

What a peer writes is made of pieces of all other messages with a victim's address, of quotes,
brackets, line breaks, control characters, bytes that are no UTF-8; it is put where and as the
program puts it.  What the filter reports is the true address, or nothing.

``LOGBAN_HOSTILE_LINES`` sets how many lines are tried, ``LOGBAN_HOSTILE_SEED`` the first seed.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

LINES = int(os.environ.get("LOGBAN_HOSTILE_LINES", "200000"))
SEED = int(os.environ.get("LOGBAN_HOSTILE_SEED", "1"))
MESSAGES_A_LOG = 150

VICTIMS = ["192.0.2.99", "192.0.2.100", "2001:db8:bad::1", "2001:db8:bad:5::7"]
# main/logger.c cuts a line at LOGMSG_SIZE less the byte that ends a C string.
LONGEST = 8191
MONITOR, SECURITY = 19377, 19383
PJSIP_POOL, IAX_POOL = range(19786, 19796), range(19800, 19810)


@dataclass(frozen=True)
class Message:
    """What is logged in one go; ``address`` is None where the line has no place for one."""

    file: str
    text: bytes
    address: str | None
    shape: str
    level: str = "NOTICE"
    thread: int = MONITOR
    call: bool = False


class Peer:
    """The random source: who attacks, and what he writes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # the same for the same seed
        self.threads = 20000
        self.address = ""
        self.moment = ""
        self.hostile = 0.7
        self.attack()

    def attack(self) -> None:
        """Begin another attempt, from another address."""
        pick = self.random.random()
        if pick < 0.4:
            self.address = f"198.51.100.{self.random.randint(1, 250)}"
        elif pick < 0.7:
            self.address = f"203.0.113.{self.random.randint(1, 250)}"
        else:
            self.address = f"2001:db8:66::{self.random.randint(1, 0xFFFF):x}"
        self.port = self.random.randint(1024, 65535)

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def new_thread(self) -> int:
        self.threads += self.random.randint(1, 3)
        return self.threads

    @property
    def bracketed(self) -> str:
        """The address and port in the way of ast_sockaddr_stringify."""
        return with_port(self.address, self.port)

    def text(self, most: int, *, newlines: bool = False) -> bytes:
        """What a peer writes into a field of that many bytes; no byte that ends a C string."""
        if self.random.random() > self.hostile:
            return self.one("100", "2001", "admin", "0044123456789", "x").encode()[:most]
        parts: list[bytes] = []
        size = 0
        while size < most and (not parts or self.random.random() < 0.75):
            part = self.piece(newlines=newlines)
            parts.append(part)
            size += len(part)
        text = b"".join(parts).split(b"\0")[0]
        if not newlines:
            text = text.replace(b"\n", b" ")
        if len(text) < most and self.random.random() < 0.04:
            text = text.ljust(min(most, 4096), b"A")
        return text[:most]

    def piece(self, *, newlines: bool) -> bytes:
        """One piece of hostile text."""
        pick = self.random.random()
        if pick < 0.5:
            return forged(self, whole=newlines and self.random.random() < 0.7)
        if pick < 0.7:
            return self.random.choice(PIECES) % {b"v": self.victim().encode()}
        if pick < 0.9:
            return self.random.choice(MARKS)
        return bytes(self.random.randint(1, 255) for _ in range(self.random.randint(1, 12)))

    def victim(self) -> str:
        return self.random.choice(VICTIMS)


MARKS = [
    b"'", b'"', b"''", b'"\'', b"<", b">", b"(", b")", b"[", b"]", b":", b",", b"\\", b'\\"', b" ",
    b"\n", b"\r\n", b"\n\n", b"\x1b[1;31m", b"\x1b[2J", b"\xff\xfe", b"\xc3", b"\x85", b"\x0b\x0c",
    b"\xe2\x80\xa8", b"\x00", b"#012", b"-- end of packet.\n", b"\n-- end of packet.\n", b"@", b";",
]  # fmt: skip
PIECES = [
    b"' failed for '%(v)s:5060' - Wrong password",
    b"' failed for '%(v)s:5060' (callid: x) - No matching endpoint found",
    b">' failed for '%(v)s:5060' (callid: ",
    b"' (%(v)s:5060) to extension '1' rejected because extension not found in context 'default'.",
    b'",SessionID="x",LocalAddress="IPV4/UDP/192.0.2.1/5060",RemoteAddress="IPV4/UDP/%(v)s/5060"',
    b',RemoteAddress="IPV4/UDP/%(v)s/5060",Challenge="',
    b'\\",RemoteAddress=\\"IPV4/UDP/%(v)s/5060\\"',
    b'"Rejecting unknown SIP connection from %(v)s"',
    b"' (from %(v)s)",
    b"x' (from %(v)s)\n",
    b"Friendly Scanner from %(v)s",
    b"%(v)s failed to authenticate as 'x",
    b" <sip:x@%(v)s>",
    b'" <sip:x@%(v)s>',
    b"' not found for endpoint 'x' (%(v)s:5060)",
    b"' due to a failure to pass ACL '",
    b"Error processing packet from %(v)s:5060: x\n",
]


def with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def head(moment: str, message: Message) -> bytes:
    """The beginning of a line in a file."""
    call = "[C-0000002a]" if message.call else ""
    return f"[{moment}] {message.level}[{message.thread}]{call} {message.file}: ".encode()


def forged(peer: Peer, *, whole: bool) -> bytes:
    """Another message as the peer would like it, all of it or a part, in lines of its own."""
    address, hostile, threads = peer.address, peer.hostile, peer.threads
    peer.address, peer.hostile = peer.victim(), 0.0
    messages = peer.random.choice(SHAPES)(peer)
    peer.address, peer.hostile, peer.threads = address, hostile, threads
    message = peer.random.choice(messages)
    guess = peer.random.randint(1, 9999)  # nobody tells him the threads of the program
    line = head(peer.moment, message).replace(str(message.thread).encode(), str(guess).encode())
    line += message.text
    if whole:
        return b"\n" + line + peer.random.choice([b"\n", b"\n", b""])
    if peer.random.random() < 0.5:
        return line
    start = peer.random.randrange(len(line))
    return line[start : start + peer.random.randint(1, 200)]


# What chan_sip logs.


def sip_register(peer: Peer) -> list[Message]:
    reason = peer.one(
        "Wrong password", "No matching peer found", "Username/auth name mismatch",
        "Device does not match ACL", "Not a local domain", "Peer is not supposed to register",
    )  # fmt: skip
    header = peer.text(3000)
    if peer.random.random() < 0.5:
        header = b'"%s" <sip:%s@192.0.2.1>' % (header, peer.text(40))
    text = b"Registration from '%s' failed for '%s' - %s"
    return [
        Message(
            "chan_sip.c",
            text % (header, peer.bracketed.encode(), reason.encode()),
            peer.address,
            "sip-register",
        ),
        *security(peer, "SIP", "InvalidPassword", peer.text(2000, newlines=True)),
    ]


def sip_call(peer: Peer) -> list[Message]:
    number = peer.text(peer.random.choice([60, 400, 8300]), newlines=True)
    text = (
        b"Call from '' (%s) to extension '%s' rejected because extension not found in context 'a'."
    )
    message = Message(
        "chan_sip.c", text % (peer.bracketed.encode(), number), peer.address, "sip-call", call=True
    )
    return [message, *security(peer, "SIP", "FailedACL", number)]


def sip_odd(peer: Peer) -> list[Message]:
    texts = [
        ("tcptls.c", f"Unable to set up ssl connection with peer '{peer.bracketed}'"),
        ("chan_sip.c", f"Rejecting TCP/TLS packet from '{peer.bracketed}' because way too large"),
        ("acl.c", f"SIP Peer ACL: Rejecting '{peer.address}' due to a failure to pass ACL 'x'"),
    ]
    file, text = peer.random.choice(texts)
    to = b"Invalid to address: '%s' from %s (missing sip:) trying to use anyway..."
    return [
        Message(file, text.encode(), peer.address, "sip-odd", thread=peer.new_thread()),
        Message(
            "chan_sip.c", to % (peer.text(500), peer.address.encode()), peer.address, "sip-odd"
        ),
    ]


def contact(peer: Peer) -> list[Message]:
    """The address that is logged is the one in the Contact: anybody's."""
    said = peer.one(peer.address, peer.victim())
    lines = [
        ("acl.c", f"SIP contact ACL: Rejecting '{said}' due to a failure to pass ACL '(BASELINE)'"),
        (
            "chan_sip.c",
            f"Domain '{said}:5060' disallowed by contact ACL (violating IP {said})",
        ),
        (
            "res_pjsip_acl.c",
            f"Incoming SIP message from {with_port(said, 0)} did not pass ACL test",
        ),
    ]
    return [Message(file, text.encode(), peer.address, "contact") for file, text in lines[:2]] + [
        Message(*lines[2][:1], lines[2][1].encode(), peer.address, "contact", "WARNING", 19790)
    ]


# What pjsip logs.


def pjsip_request(peer: Peer) -> list[Message]:
    thread = peer.random.choice(PJSIP_POOL)
    callid = peer.text(255)
    user = re.sub(rb"[^\w'()*~!.$&+=,;?/-]", b"%20", peer.text(60))
    name = peer.text(180).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b" ")
    sender = b"<sip:%s@192.0.2.1>" % user
    if peer.random.random() < 0.6:
        sender = b'"%s" %s' % (name, sender)
    if len(sender) > 255:  # it does not fit, and what is in the buffer is logged
        sender = bytes(peer.random.randint(0x80, 0xFF) for _ in range(6))
    reason = peer.one(
        "No matching endpoint found", "Failed to authenticate", "Not match Endpoint ACL",
        "No matching endpoint found after 7 tries in 21.500 ms",
    )  # fmt: skip
    text = b"Request '%s' from '%s' failed for '%s' (callid: %s) - %s"
    method = peer.one("REGISTER", "INVITE", "OPTIONS").encode()
    parts = (method, sender, peer.bracketed.encode(), callid, reason.encode())
    message = Message(
        "res_pjsip/pjsip_distributor.c", text % parts, peer.address, "pjsip-request", thread=thread
    )
    event = peer.one("InvalidAccountID", "ChallengeResponseFailed")
    account = peer.text(36, newlines=True)
    return [message, *security(peer, "PJSIP", event, account, callid)]


def pjsip_call(peer: Peer) -> list[Message]:
    number = peer.text(79, newlines=True)
    text = (
        b" anonymous: Call (UDP:%s) to extension '%s' rejected because extension not found in "
        b"context 'a'."
    )
    thread = peer.random.choice(PJSIP_POOL)
    parts = text % (peer.bracketed.encode(), number)
    registrar = b"AOR '%s' not found for endpoint 'anonymous' (%s)"
    aor = registrar % (peer.text(250, newlines=True), peer.bracketed.encode())
    return [
        Message("res_pjsip_session.c", parts, peer.address, "pjsip-call", thread=thread),
        Message("res_pjsip_registrar.c", aor, peer.address, "registrar", "WARNING", thread),
    ]


def pjsip_packet(peer: Peer) -> list[Message]:
    packet = peer.text(peer.random.choice([300, 3000, 8500, 20000]), newlines=True)
    text = (
        b"\t        sip_endpoint.c Error processing packet from %s:%d: Missing required header(s) "
        b"(PJSIP_EMISSINGHDR)  CSeq [code 171050]:\n%s\n-- end of packet."
    )
    dump = text % (peer.address.encode(), peer.port, packet)
    junk = "\t       sip_transport.c Dropping 355 bytes packet from UDP %s:%d : PJSIP syntax error"
    thread = PJSIP_POOL[0] + 9
    syntax = (junk % (peer.address, peer.port)).encode() + b" exception when parsing '%s' header\n"
    return [
        Message("pjproject", dump, peer.address, "pjsip-packet", "ERROR", thread),
        Message(
            "pjproject", syntax % peer.text(120), peer.address, "pjsip-junk", "WARNING", thread
        ),
    ]


# What the security channel logs.


def security(
    peer: Peer, service: str, event: str, account: bytes, session: bytes = b"0x7fae4005c110"
) -> list[Message]:
    """An event: which values are the peer's, and what they can hold, depends on the service."""
    family = "IPV6" if ":" in peer.address else "IPV4"
    transport = peer.one("UDP", "TCP", "TLS") if service != "AMI" else "TCP"
    tail = b""
    if service == "PJSIP" and event == "ChallengeResponseFailed":
        quoted = peer.text(255).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        tail = b',Challenge="179/%s",Response="%s",ExpectedResponse=""' % (quoted[:50], quoted)
    elif service == "SIP" and event == "InvalidPassword":
        digest = peer.text(200).replace(b'"', b"")
        tail = b',Challenge="06858eee",ReceivedChallenge="%s",ReceivedHash="%s"' % (
            peer.random.choice([b"06858eee", digest]), digest,
        )  # fmt: skip
    elif service == "AMI":
        tail = b',SessionTV="1970-01-01T00:00:00.000+0000"'
        if event == "ChallengeResponseFailed":
            tail += b',Challenge="1",Response="%s",ExpectedResponse="2"' % peer.text(
                200, newlines=True
            )
    text = (
        f'SecurityEvent="{event}",EventTV="2026-11-20T10:16:24.139+0000",Severity="Error",'
        f'Service="{service}",EventVersion="1",AccountID="'
    ).encode()
    text += b'%s",SessionID="%s",LocalAddress="IPV4/UDP/192.0.2.1/5060",' % (account, session)
    remote = f'RemoteAddress="{family}/{transport}/{peer.address}/{peer.port}"'
    text += remote.encode() + tail
    message = Message(
        "res_security_log.c", text, peer.address, f"security-{service}", "SECURITY", SECURITY
    )
    return [message]


# The manager interface, IAX2, dialplans.


def manager(peer: Peer) -> list[Message]:
    thread = peer.new_thread()
    user = peer.text(peer.random.choice([60, 300, 4000]), newlines=True)
    address = peer.address.encode()
    first = b"%s tried to authenticate with nonexistent user '%s'" % (address, user)
    second = b"%s failed to authenticate as '%s'" % (address, user)
    event = peer.one("InvalidAccountID", "ChallengeResponseFailed")
    return [
        Message("manager.c", first, peer.address, "manager", thread=thread),
        Message("manager.c", second, peer.address, "manager", thread=thread),
        *security(peer, "AMI", event, user),
    ]


def iax(peer: Peer) -> list[Message]:
    name = peer.text(255, newlines=True)
    address, at = peer.address.encode(), peer.bracketed.encode()
    texts = [
        b"No registration for peer '%s' (from %s)" % (name, address),
        b"Host %s failed MD5 authentication for '3001' (%032x != %s)" % (address, 7, name),
        b"Host %s failed to authenticate as %s" % (at, name),
        b"Host %s denied access to register peer '3003'" % address,
        b"Peer 'trunk' is not dynamic (from %s)" % address,
        b"Call rejected, CallToken Support required. If unexpected, resolve by placing address %s "
        b"in the calltokenoptional list or setting user %s requirecalltoken=no" % (at, name),
    ]
    thread = peer.random.choice(IAX_POOL)
    text = peer.random.choice(texts)
    return [Message("chan_iax2.c", text, peer.address, "iax", thread=thread)]


def dialplan(peer: Peer) -> list[Message]:
    number = peer.text(79, newlines=True).decode("latin-1")
    thread = peer.new_thread()
    texts = [
        f'"Rejecting unknown SIP connection from {peer.address}"',
        f"Friendly Scanner from {peer.address}",
    ]
    return [
        Message(
            f"Ext. {number}", each.encode(), peer.address, "dialplan", "WARNING", thread, call=True
        )
        for each in texts
    ]


def harmless(peer: Peer) -> list[Message]:
    """What phones cause; the address is not to be reported, so it is nobody's."""
    phone = f"192.0.2.{peer.random.randint(10, 20)}"
    remote = f'RemoteAddress="IPV4/UDP/{phone}/5060"'
    event = (
        'SecurityEvent="ChallengeSent",EventTV="2026",Severity="Informational",Service="SIP",'
        'EventVersion="1",AccountID="2001",SessionID="0x7f",'
        f'LocalAddress="IPV4/UDP/192.0.2.1/5060",{remote},Challenge="06858eee"'
    )
    texts = [
        ("chan_sip.c", "NOTICE", "Peer '2001' is now Reachable. (12ms / 2000ms)"),
        ("res_security_log.c", "SECURITY", event),
    ]
    file, level, text = peer.random.choice(texts)
    thread = SECURITY if level == "SECURITY" else MONITOR
    return [Message(file, text.encode(), None, "harmless", level, thread)]


SHAPES: list[Callable[[Peer], list[Message]]] = [
    sip_register, sip_call, sip_odd, contact, pjsip_request, pjsip_call, pjsip_packet, manager, iax,
    dialplan, harmless,
]  # fmt: skip


# How a message becomes lines.


def to_file(moment: str, message: Message) -> bytes:
    line = head(moment, message).decode().encode("latin-1") + message.text + b"\n"
    return line[:LONGEST]


def to_plain_file(moment: str, message: Message) -> bytes:
    line = head(moment, message).replace(b" " + message.file.encode() + b": ", b": ", 1)
    name = message.file.encode("latin-1", "replace")
    return (line + name + b":123 func: " + message.text + b"\n")[:LONGEST]


def to_syslog(moment: str, message: Message) -> bytes:
    call = "[C-0000002a]" if message.call else ""
    start = f"{moment} pbx asterisk[812]: {message.level}[{message.thread}]{call}: "
    name = message.file.encode("latin-1", "replace")
    text = name + b":123 in some_function: " + message.text[:8000]
    return start.encode() + re.sub(rb"[\0-\x1f]", lambda c: b"#%03o" % c[0][0], text) + b"\n"


def to_json(moment: str, message: Message) -> bytes:
    try:
        text = message.text.decode()
    except UnicodeDecodeError:
        return b""  # it is not logged then
    record = {
        "hostname": "", "timestamp": moment,
        "identifiers": {"lwp": message.thread, "callid": "[C-0000002a]" if message.call else ""},
        "logmsg": {
            "location": {"filename": message.file, "function": "f", "line": 12},
            "level": message.level, "message": text + "\n",
        },
    }  # fmt: skip
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


FORMS: list[tuple[str, Callable[[str, Message], bytes]]] = [
    ("Nov 20 10:16:24", to_file),
    ("2026-11-20 10:16:24.139", to_file),
    ("2026-11-20T10:16:24.139+0000", to_file),
    ("20.11.2026 10:16:24", to_file),
    ("Nov 20 10:16:24", to_syslog),
    ("2026-11-20T10:16:24.139000+00:00", to_syslog),
    ("2026-11-20 10:16:24.139", to_json),
    ("Nov 20 10:16:24", to_plain_file),
    ("Nov 20 10:16:24", to_file),
    ("2026-11-20 10:16:24.139", to_plain_file),
    ("Nov 20 10:16:24", to_plain_file),
]
CONTAINERS = {
    8: "2026-11-20T10:16:24.139123456Z ",
    9: "2026-11-20T10:16:24.139123456+00:00 stdout F ",
    10: "2026-11-20T10:16:24.{}Z stderr F ",
}
"""What a container's runtime writes in front of each line of some forms; one drops zeros."""


def contained(peer: Peer, data: bytes, front: str) -> tuple[bytes, list[int]]:
    """Give a log as a container's runtime keeps it, and where each of its bytes is then."""
    places: list[int] = []
    kept = b""
    for line in re.findall(rb"[^\n]*\n|[^\n]+$", data):
        digits = str(peer.random.randint(1, 999_999_999))
        before = front.format(digits).encode()
        # What begins with a line begins with what stands in front of it.
        places += [len(kept), *range(len(kept) + len(before) + 1, len(kept + before + line))]
        kept += before + line
    return kept, [*places, len(kept)]


def render(peer: Peer, number: int) -> tuple[bytes, list[tuple[int, int, Message]]]:
    """Give a log of many attempts, and begin and end of each message in it."""
    moment, form = FORMS[number % len(FORMS)]
    peer.moment = moment
    data = b""
    places = []
    # A server that is up has logged something before it is attacked.
    for thread in (MONITOR, SECURITY, *PJSIP_POOL, *IAX_POOL) * 3:
        quiet = Message("acl.c", b"x: Rejecting '203.0.113.254' due to a failure to pass ACL 'x'",
                        "203.0.113.254", "quiet", thread=thread)  # fmt: skip
        places.append((len(data), quiet))
        data += form(moment, quiet)
    for _ in range(MESSAGES_A_LOG):
        peer.attack()
        for message in peer.random.choice(SHAPES)(peer):
            places.append((len(data), message))
            data += form(moment, message)
    front = CONTAINERS.get(number % len(FORMS))
    if front is not None:
        data, moved = contained(peer, data, front)
        places = [(moved[place], message) for place, message in places]
    ends = [*(place for place, _ in places[1:]), len(data)]
    spans = [(start, end, each) for (start, each), end in zip(places, ends, strict=True)]
    return data + b"\n", spans


def test_only_true_addresses_are_reported(matcher_of, failures_in, capsys) -> None:
    peer = Peer(SEED)
    lines = number = 0
    wrong: list[str] = []
    logged: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    doubtful = ambiguous = 0
    started = time.monotonic()
    while lines < LINES:
        data, spans = render(peer, number)
        number += 1
        lines += data.count(b"\n")
        matcher = matcher_of("asterisk")
        failures = failures_in(matcher, data)
        doubtful += matcher.counters.doubtful
        ambiguous += matcher.counters.ambiguous
        assert matcher.counters.timeouts == 0
        at = 0
        for start, end, message in spans:
            right = False
            while at < len(failures) and failures[at].offset < end:
                failure = failures[at]
                if failure.address == message.address and failure.offset >= start:
                    right = True
                else:
                    wrong.append(
                        f"log {number - 1}: {failure.address} by {failure.rule}, not "
                        f"{message.address} ({message.shape}): {failure.line[:300]!r}"
                    )
                at += 1
            if message.address is not None and end > start:
                logged[message.shape] += 1
                caught[message.shape] += right
    table = [
        (
            f"{lines} lines, {len(wrong)} wrong, {doubtful} doubtful, {ambiguous} ambiguous, "
            f"{time.monotonic() - started:.0f} s; messages caught:"
        ),
        *(
            f"  {shape:16} {caught[shape]:6}/{logged[shape]:<6} {caught[shape] / logged[shape]:.1%}"
            for shape in sorted(logged)
        ),
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(table) + "\n")
    assert wrong == []
    # The other shapes have nothing but the peer's word, or a line of their own that he can break.
    for shape in ("sip-register", "sip-call", "pjsip-request", "pjsip-packet", "manager", "iax"):
        assert caught[shape] >= 0.85 * logged[shape], shape
    assert sum(caught.values()) >= 0.75 * sum(logged.values())


def test_borders_of_blocks_do_not_matter(matcher_of, failures_in) -> None:
    peer = Peer(SEED)
    for number in range(24):
        data, _ = render(peer, number)
        whole = matcher_of("asterisk")
        expected = [(each.offset, each.address) for each in failures_in(whole, data)]
        lines = data.count(b"\n")
        for some in (2, lines // 3, lines - 2):
            cuts = sorted(peer.random.sample(range(1, lines), some))
            pieces = matcher_of("asterisk")
            found = [(each.offset, each.address) for each in failures_in(pieces, data, cuts)]
            assert found == expected
            assert pieces.counters == whole.counters
