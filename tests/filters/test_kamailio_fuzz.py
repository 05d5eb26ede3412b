# SPDX-License-Identifier: MIT
"""Kamailio's messages with hostile text wherever a peer can put it: the true address or none.

``LOGBAN_FUZZ_LINES`` asks for more lines than the usual number.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from logban.matching.matcher import Matcher
from logban.model import Failure, Success

LINES = int(os.environ.get("LOGBAN_FUZZ_LINES", "100000"))
BATCHES = 10
VICTIM = "192.0.2.99"
SOURCES = (
    "198.51.100.7",
    "203.0.113.250",
    "2001:db8:66::7",
    "2001:db8:66:1:2:3:4:5",
    "2001:db8:66:0:0:0:0:7",
    "::ffff:198.51.100.7",
    "fd00::a:b",
)
SHOWN = {"2001:db8:66:0:0:0:0:7": "2001:db8:66::7", "::ffff:198.51.100.7": "198.51.100.7"}

# What messages are made of, as xlog prints it: {si} and {sp} are the source's, {rm} is one word,
# {fu} and {tu} are URIs, and all else is what the peer likes.
KNOWN = (
    "ALERT: pike blocking {rm} from {fu} (IP:{si}:{sp})",
    "request from blocked IP - {rm} from {fu} (IP:{si}:{sp})",
    "auth failed 3rd time - src ip: {si}",
    "many failed auth in a row - [{rm}] from <{fu}> src ip: {si}",
    "auth failed - [{rm}] from <{fu}> user {au} src ip: {si}",
    "auth failed (code -2) for {au}: {rm} from <{fu}> to <{tu}> ua='{ua}' src ip: {si}:{sp}",
    "auth failed (code -3) for {au}: {rm} from <{fu}> to <{tu}> ua='{ua}' src ip: {si}:{sp}",
    "auth failed: unknown user '{au}' in {rm} from <{fu}> src ip: {si}:{sp}",
    "Malformed SIP request from {si}:{sp}",
    "Malformed SIP message from {si}:{sp}",
    "scanner detected: ua '{ua}' method {rm} from '{fu}' src ip: {si}",
    "{rm} from {si} blocked because UserAgent '{ua}' is blacklisted",
    "{rm} from {si} blocked because IP address is blacklisted",
    "{rm} from {si} blocked because Country 'XX' is blacklisted",
    "{rm} to {si} blocked because From user '{au}' is blacklisted",
    "{rm} to {si} blocked because From name '{fn}' is blacklisted",
    "{rm} from {si} blocked because destination {rU} is blacklisted",
    "{rm} from {si} blocked because possible SQLi found in the user-agent header ({ua})",
    "{rm} from {fu} blocked because UserAgent '{ua}' is blacklisted - src ip: {si}",
    "[SECFILTER] SQL injection in user agent '{ua}' from {si}:{sp}",
    "[SECFILTER] SQL injection found in {rm} from '{fu}' ip={si} port={sp}",
    "[SECFILTER] From header '{fu}' name {fn} blacklisted or illegal ip={si}",
    "Not relaying {rm} from {fu} to {tu} src ip: {si}",
    "ACL denied {rm} from {fu} (IP:{si}:{sp})",
)
# logban's own lines: {si} in front, and everything of the peer's in hexadecimal digits.
OWN = tuple(
    f"logban: [{{si}}] {each} port={{sp}} proto=udp"
    for each in (
        "auth-fail rc=-2 user={au_hex} ua={ua_hex} ci={ci_hex}",
        "auth-fail rc=-3 user={au_hex} ua={ua_hex} ci={ci_hex}",
        "flood method={rm_hex}",
        "pike-flood method={rm_hex}",
        "malformed",
        "scanner method={rm_hex} ua={ua_hex}",
        "sqli method={rm_hex} user={au_hex} ua={ua_hex}",
        "forbidden to={rU_hex} user={au_hex}",
        "no-route method={rm_hex} ruri={fu_hex}",
    )
)
OWN_SUCCESS = "logban: [{si}] auth-ok user={au_hex} ua={ua_hex} ci={ci_hex} port={sp} proto=tls"
# What others log, with remote text up to the end or without an address.
UNKNOWN = (
    "new call [{ci}] from {fu} to {tu} - src {si}",
    "call {ci} from {fu} ua {ua}",
    "{rm} from {fu} to {tu} ua={ua}",
    "user {au} calls {rU}",
    "UA: {ua}",
    "auth failed (code -5) for {au}: {rm} from <{fu}> to <{tu}> ua='{ua}' src ip: {si}:{sp}",
    "ban on {si} expired",
)
# What Kamailio says itself: the source of the message, its function, and the message.
MODULES = (
    (
        "<core> [core/receive.c:376]",
        "receive_msg",
        "core parsing of SIP message failed ({si}:{sp}/1)",
    ),
    (
        "pike [pike_funcs.c:135]",
        "pike_check_ipaddr",
        "PIKE - BLOCKing ip {si}, node=0x7f5b78203980",
    ),
    ("tls [tls_server.c:1334]", "tls_h_read_f", "src addr: {si}:{sp}"),
)
MODULES_UNKNOWN = (
    ("<core> [core/parser/parse_via.c:2706]", "parse_via", "parsing via on: <{ua}>"),
    ("<core> [core/parser/msg_parser.c:339]", "parse_headers", "bad header field [{ua}]"),
    ("<core> [core/parser/msg_parser.c:749]", "parse_msg", "ERROR: parse_msg: message=<{ua}>"),
    (
        "secfilter [secfilter.c:205]",
        "w_check_sqli_all",
        "Possible SQL injection found in To user ({au})",
    ),
    ("sanity [sanity.c:282]", "check_ruri_scheme", "failed to parse request uri [{ua}]"),
    ("tls [tls_server.c:1337]", "tls_h_read_f", "dst addr: 192.0.2.1:5061"),
    (
        "<core> [core/tcp_read.c:335]",
        "tcp_read",
        "buffer overrun, dropping ([192.0.2.1]:35173 -> [192.0.2.1]:5060)",
    ),
)
FRAGMENTS = (
    *"'\"()[]{}<>:;,=-#@%&\\/\n\r\t\0\x1b\x0b\x0c\x1c\x7f\x85\xa0\u2028",
    " ",
    "\r\n ",
    "\\n",
    "\\",
    '" }',
    '", "message": "',
    '"logprefix": "',
    "} ",
    "} <script>: ",
    "{1 1 INVITE x} <script>: ",
    "} pike [pike_funcs.c:135]: pike_check_ipaddr(): ",
    "} <core> [core/receive.c:376]: receive_msg(): ",
    "NOTICE: <script>: ",
    "Nov 20 10:16:32 vm kamailio[1]: NOTICE: <script>: ",
    "logban: ",
    f"logban: [{VICTIM}] malformed port=5060",
    f"}} <script>: logban: [{VICTIM}] malformed port=5060 proto=tcp",
    f"[{VICTIM}] malformed port=5060",
    "<null>",
    " user ",
    " src ip: ",
    "#012",
    "\u00e9",
    "\udcff",
    VICTIM,
    f"(IP:{VICTIM}:5060)",
    f" src ip: {VICTIM}",
    f" src ip: {VICTIM}:5060",
    f" from {VICTIM}:5060",
    f" from {VICTIM} blocked because ",
    f" ip={VICTIM}",
    f" ip={VICTIM} port=5060",
    "2001:db8:bad::1",
    " src ip: 2001:db8:bad::1:5060",
    "(IP:2001:db8:bad::1:5060)",
    "alice",
    "telephone",
)


@dataclass(frozen=True, slots=True)
class Written:
    """A line as it stands in a log, who sent what it tells of, and whether that must be found.

    ``cut`` says that the peer ended the message before Kamailio could write the address.
    """

    text: bytes
    source: str
    expected: bool
    shape: str
    cut: bool


class Peer:
    """Makes up what a peer sends, and Kamailio's line about it."""

    def __init__(self, seed: int, known: tuple[str, ...]) -> None:
        """``known`` are the messages of which the filter has to find every one."""
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._known = known
        self._unknown = UNKNOWN if known is KNOWN else (*UNKNOWN, OWN_SUCCESS)

    def line(self) -> Written:
        """Make a line."""
        choose = self._random
        source = choose.choice(SOURCES)
        fields = {
            "rm": self._word() or "INVITE",
            "fu": self._uri(),
            "tu": self._uri(),
            "rU": self._word(),
            **{name: self._text() for name in ("au", "ua", "fn", "ci")},
        }
        # With a NUL in it a From header is none, and $fn is <null>.
        fields["fn"] = fields["fn"].replace("\0", "")
        fields |= {
            f"{name}_hex": text.encode("utf-8", "surrogateescape")[:64].hex()
            for name, text in fields.items()
        } | {
            "si": source,
            "sp": str(choose.choice((5060, 9, 777, 35173, 65535))),
        }
        where = choose.random()
        if where < 0.75:
            shape = choose.choice(self._known)
            head, function, known = "<script>", "", True
        elif where < 0.85:
            head, function, shape = choose.choice(MODULES)
            known = self._known is KNOWN
        elif where < 0.93:
            shape = choose.choice(self._unknown)
            head, function, known = "<script>", "", False
        else:
            head, function, shape = choose.choice(MODULES_UNKNOWN)
            known = False
        # xlog and the prefix are printed up to the first NUL.
        whole = shape.format(**fields)
        message = whole.partition("\0")[0]
        prefix = f"{{1 1 INVITE {fields['ci']}}} " if choose.random() < 0.4 else ""
        prefix = prefix.partition("\0")[0]
        text = self._logged(head, function, message, prefix)
        # IPv6 with what may be a port, a user who calls himself <null>, log lines behind the
        # prefix: those may go unseen.
        expected = (
            known
            and message == whole
            and ":" not in source
            and not (fields["au"] + " ").startswith("<null> ")
            and not (prefix and any(mark in prefix + message for mark in (">: ", "]: ")))
            and (self._known is KNOWN or not re.search(r"[ {}<>\0]", fields["ci"]) or not prefix)
        )
        cut = message != whole and source not in message
        return Written(text, SHOWN.get(source, source), expected, shape, cut)

    def _logged(self, head: str, function: str, message: str, prefix: str) -> bytes:
        """Write a message down as one of the ways of logging does."""
        choose = self._random
        level = choose.choice(("ALERT", "ERROR", "WARNING", "NOTICE", "INFO"))
        if choose.random() < 0.3:
            module = "xlog" if head == "<script>" else "core"
            body = (
                f'{{ "level": "{level}", "module": "{module}", "file": "{module}.c", "line": 282, '
                f'"function": "{function}", "logprefix": "{prefix}", '
                f'"message": "{_escaped(message)}{choose.choice(("", chr(92) + "n"))}" }}'
            )
        else:
            called = f"{function}(): " if function else ""
            body = f"{level}: {prefix}{head}: {called}{message}"
        begin = choose.choice(
            (
                "Nov 20 10:16:32 vm kamailio[25550]: ",
                "Nov  2 10:16:32 vm /usr/sbin/kamailio[25550]: ",
                "2026-11-20T10:16:30.985588+00:00 vm kamailio[25550]: ",
                "",
            )
        )
        return begin.encode() + _as_syslog(body)

    def _text(self) -> str:
        """Make up text: whole messages of others, pieces of them, what delimits, plain words."""
        choose = self._random
        if choose.random() < 0.25:
            return choose.choice(("alice", "telephone", "call-1", "", "<null>"))
        parts = []
        for _ in range(choose.choice((1, 1, 2, 3, 5))):
            kind = choose.random()
            if kind < 0.6:
                parts.append(choose.choice(FRAGMENTS))
            elif kind < 0.97:
                shape = choose.choice((*KNOWN, *(each[2] for each in MODULES)))
                plain = dict.fromkeys(("rm", "fu", "tu", "rU", "au", "ua", "fn", "ci"), "x")
                victim = choose.choice((VICTIM, "2001:db8:bad::1"))
                whole = shape.format(**plain, si=victim, sp=5060)
                cut = choose.randrange(len(whole))
                parts.append(choose.choice((whole, whole[cut:], whole[:cut])))
            else:
                parts.append(choose.choice(FRAGMENTS) * choose.choice((50, 800)))
        return "".join(parts)[:4096]

    def _word(self) -> str:
        return "".join(each for each in self._text() if each not in " \t\r\n\0")

    def _uri(self) -> str:
        return self._random.choice(("<null>", "sip:" + self._word(), "tel:" + self._word()))


def _escaped(text: str) -> str:
    """Escape text as Kamailio's JSON log engine does."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    return "".join(
        short.get(each) or (f"\\u{ord(each):04x}" if each < " " else each) for each in text
    )


def _as_syslog(text: str) -> bytes:
    """Write control characters as rsyslog does."""
    escaped = "".join(
        f"#{ord(each):03o}" if each < " " or each == "\x7f" else each for each in text
    )
    return escaped.encode("utf-8", "surrogateescape")


T = TypeVar("T", Failure, Success)


def _judged(lines: list[Written], failures: list[T]) -> Iterator[tuple[Written, T | None]]:
    """Give each line with what was found in it."""
    by_offset = {failure.offset: failure for failure in failures}
    offset = 0
    for line in lines:
        yield line, by_offset.pop(offset, None)
        offset += len(line.text) + 1
    assert not by_offset


@pytest.mark.parametrize(
    ("filter_name", "known"), [("kamailio", KNOWN), ("kamailio-logban", OWN)], ids=["guides", "own"]
)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_whatever_peers_write_the_address_is_the_true_one(
    matcher_of: Callable[[str], Matcher],
    failures_in: Callable[..., list[Failure]],
    successes_in: Callable[..., list[Success]],
    batch: int,
    filter_name: str,
    known: tuple[str, ...],
) -> None:
    peer = Peer(batch, known)
    matcher = matcher_of(filter_name)
    wrong, lost, proven, found, forged = [], [], [], Counter[str](), set[str]()
    let_in: set[tuple[bool, str]] = set()
    for _ in range(LINES // BATCHES // 1000):
        lines = [peer.line() for _ in range(1000)]
        failures = failures_in(matcher, b"".join(line.text + b"\n" for line in lines))
        few = lines[:200]
        successes = successes_in(matcher, b"".join(line.text + b"\n" for line in few))
        for line, success in _judged(few, successes):
            if success is not None:
                let_in.add((success.address == line.source, line.shape))
        for line, failure in _judged(lines, failures):
            if failure is not None and failure.address != line.source:
                if not line.cut:
                    wrong.append((failure.rule, failure.address, line))
                elif failure.proven:
                    proven.append((failure.rule, failure.address, line))
                else:
                    forged.add(line.shape)
            elif failure is None and line.expected:
                lost.append(line)
            elif failure is not None and failure.rule == "disguised":
                # Whoever writes log lines into his Call-ID is told of, whatever was logged.
                assert line.text.count(b">: ") + line.text.count(b"]: ") > 1
            elif failure is not None:
                found[line.shape] += 1
    assert let_in == ({(True, OWN_SUCCESS)} if known is OWN else set())
    assert wrong == []
    # A NUL ends a message, and no reader can tell: then nothing may vouch for the address.
    assert proven == []
    assert forged <= {shape for shape in known if re.search(r"\{(?:au|ua)\}.*\{si\}", shape)}
    assert lost == []
    assert set(found) >= set(known)
    assert set(found) & {*UNKNOWN, OWN_SUCCESS} == set()
    assert matcher.counters.timeouts == 0
