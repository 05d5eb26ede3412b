#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a synthetic but realistic PBX log: Asterisk ``full`` or Kamailio syslog.

The same arguments always give the same bytes.  Nothing here touches the
network; attacker addresses come from the benchmarking range 198.18.0.0/15
(RFC 2544) and, with --ipv6-share, from 2001:db8::/32, so a log can be fed to a
live ban service without naming a real host.

    genlog.py --lines 1000000 --attack 0.01 --ips 10000 -o full.log
    genlog.py --lines 1000000 --attack 1.0 --start now --truth truth.json -o full.log
    genlog.py --kamailio --lines 100000 --attack 0.5 -o kamailio.log

An *attack* line is one a VoIP filter ought to count as a failure.  Every other
line is call noise, including near misses that hold the same words as an attack
(``SecurityEvent="SuccessfulAuth"``, a peer that became reachable).  --truth
writes how many attack lines each address has, so a run can be checked and not
only timed.
"""

import argparse
import datetime
import ipaddress
import json
import random
import signal
import sys
import time

PBX = "203.0.113.5"
BENCH_NET = ipaddress.ip_network("198.18.0.0/15")
DOC_NET6 = ipaddress.ip_network("2001:db8::/32")


class Context:
    """What a line template may draw from: the random source, the clock, the attacker."""

    def __init__(self, rng):
        self.rng = rng
        self.when = 0.0
        self.ip = ""
        self.call = 1

    def number(self, low, high):
        return low + int(self.rng.random() * (high - low + 1))

    def pick(self, choices):
        return choices[int(self.rng.random() * len(choices))]

    def hex(self, length):
        return f"{self.rng.getrandbits(4 * length):0{length}x}"

    @property
    def extension(self):
        return self.number(100, 9999)

    @property
    def port(self):
        return self.number(1024, 65535)

    @property
    def family(self):
        return "IPV6" if ":" in self.ip else "IPV4"

    @property
    def host_port(self):
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{host}:{self.port}"

    @property
    def event_time(self):
        stamp = datetime.datetime.fromtimestamp(self.when, datetime.timezone.utc)
        return stamp.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stamp.microsecond // 1000:03d}+0000"


# --- Asterisk: attack lines -------------------------------------------------

SIP_REASONS = (
    "Wrong password",
    "No matching peer found",
    "Username/auth name mismatch",
    "Device does not match ACL",
    "Peer is not supposed to register",
)
PJSIP_REASONS = (
    "No matching endpoint found",
    "Failed to authenticate",
    "Error to authenticate",
    "Not match Endpoint ACL",
)
METHODS = ("REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE")


def sip_registration(c):
    ext = c.extension
    return (
        f"NOTICE[{c.number(900, 4000)}] chan_sip.c: Registration from "
        f"'\"{ext}\" <sip:{ext}@{PBX}:5060>' failed for '{c.host_port}' - {c.pick(SIP_REASONS)}"
    )


def sip_call_rejected(c):
    return (
        f"NOTICE[{c.number(900, 4000)}][C-{c.hex(8)}] chan_sip.c: Call from '' ({c.host_port}) "
        f"to extension '00{c.number(10**9, 10**11)}' rejected because extension not found "
        "in context 'default'."
    )


def pjsip_request(c):
    ext = c.extension
    return (
        f"NOTICE[{c.number(900, 4000)}] res_pjsip/pjsip_distributor.c: Request "
        f"'{c.pick(METHODS)}' from '\"{ext}\" <sip:{ext}@{PBX}>' failed for '{c.host_port}' "
        f"(callid: {c.hex(24)}) - {c.pick(PJSIP_REASONS)}"
    )


def security_event(c, event, severity, tail):
    transport = c.pick(("UDP", "UDP", "UDP", "TCP", "TLS", "WS"))
    return (
        f'SECURITY[{c.number(900, 4000)}] res_security_log.c: SecurityEvent="{event}",'
        f'EventTV="{c.event_time}",Severity="{severity}",Service="PJSIP",EventVersion="1",'
        f'AccountID="{c.extension}",SessionID="{c.hex(32)}",'
        f'LocalAddress="{c.family}/{transport}/{PBX}/5060",'
        f'RemoteAddress="{c.family}/{transport}/{c.ip}/{c.port}"{tail}'
    )


def security_failure(c):
    event = c.pick(("ChallengeResponseFailed", "InvalidPassword", "InvalidAccountID", "FailedACL"))
    tails = {
        "ChallengeResponseFailed": f',Challenge="{c.number(10**9, 2 * 10**9)}/{c.hex(32)}",'
        f'Response="{c.hex(32)}",ExpectedResponse=""',
        "InvalidPassword": f',Challenge="{c.hex(8)}",ReceivedChallenge="{c.hex(8)}",'
        f'ReceivedHash="{c.hex(32)}"',
        "InvalidAccountID": "",
        "FailedACL": ',ACLName="domain_must_match"',
    }
    return security_event(c, event, "Error", tails[event])


ASTERISK_ATTACK = (
    (30, sip_registration),
    (15, sip_call_rejected),
    (30, pjsip_request),
    (25, security_failure),
)

# --- Asterisk: noise --------------------------------------------------------


def next_call(c):
    c.call += 1
    return c.call


def executing(c):
    ext = c.extension
    step = c.pick(
        (
            'Set("PJSIP/{0}-{1}", "CALLERID(number)={0}") in new stack',
            'GotoIf("PJSIP/{0}-{1}", "0?skip") in new stack',
            'Dial("PJSIP/{0}-{1}", "PJSIP/{2}/sip:{2}@192.0.2.17:5060,30,tTkr") in new stack',
            'Playback("PJSIP/{0}-{1}", "vm-goodbye") in new stack',
        )
    ).format(ext, c.hex(8), c.extension)
    return (
        f"VERBOSE[{c.number(4000, 32000)}][C-{next_call(c):08x}] pbx.c: Executing "
        f"[s@macro-dial-one:{c.number(1, 60)}] {step}"
    )


def dialing(c):
    ext, peer = c.extension, c.extension
    what = c.pick(
        (
            f"Called PJSIP/{peer}/sip:{peer}@192.0.2.17:5060",
            f"PJSIP/{peer}-{c.hex(8)} is ringing",
            f"PJSIP/{peer}-{c.hex(8)} answered PJSIP/{ext}-{c.hex(8)}",
            f"Spawn extension (macro-dial-one, s, {c.number(1, 60)}) exited non-zero",
        )
    )
    return f"VERBOSE[{c.number(4000, 32000)}][C-{c.call:08x}] app_dial.c: {what}"


def bridging(c):
    bridge = f"{c.hex(8)}-{c.hex(4)}-{c.hex(4)}-{c.hex(4)}-{c.hex(12)}"
    verb = c.pick(("joined 'simple_bridge' basic-bridge", "left 'native_rtp' basic-bridge"))
    return (
        f"VERBOSE[{c.number(4000, 32000)}][C-{c.call:08x}] bridge_channel.c: "
        f"Channel PJSIP/{c.extension}-{c.hex(8)} {verb} <{bridge}>"
    )


def rtp_debug(c):
    return (
        f"DEBUG[{c.number(4000, 32000)}][C-{c.call:08x}] res_rtp_asterisk.c: "
        f"(0x7f{c.hex(10)}) RTP setting address to 192.0.2.{c.number(1, 254)}:{c.port}"
    )


def peer_state(c):
    return (
        f"NOTICE[{c.number(900, 4000)}] chan_sip.c: Peer '{c.extension}' is now Reachable. "
        f"({c.number(1, 90)}ms / 2000ms)"
    )


def contact_warning(c):
    return (
        f"WARNING[{c.number(900, 4000)}] res_pjsip_registrar.c: Registration attempt from "
        f"endpoint '{c.extension}' (192.0.2.{c.number(1, 254)}:{c.port}) to AOR "
        f"'{c.extension}' will exceed max contacts of 1"
    )


def security_success(c):
    attacker, c.ip = c.ip, f"192.0.2.{c.number(1, 254)}"
    event = c.pick(("SuccessfulAuth", "ChallengeSent"))
    tail = ',UsingPassword="1"' if event == "SuccessfulAuth" else f',Challenge="{c.hex(32)}"'
    line = security_event(c, event, "Informational", tail)
    c.ip = attacker
    return line


ASTERISK_NOISE = (
    (40, executing),
    (20, dialing),
    (12, bridging),
    (8, rtp_debug),
    (5, peer_state),
    (2, contact_warning),
    (13, security_success),
)

# --- Kamailio ---------------------------------------------------------------


def kamailio_pike(c):
    """The pike module itself, at its default log level."""
    return (
        f"ALERT: pike [pike_funcs.c:136]: pike_check_req(): PIKE - BLOCKing ip {c.ip}, "
        f"node=0x7f{c.hex(10)}"
    )


def kamailio_pike_script(c):
    """The route block of the stock kamailio.cfg."""
    return (
        f"ALERT: <script>: ALERT: pike blocking {c.pick(METHODS)} from "
        f"sip:{c.extension}@{PBX} (IP:{c.ip}:{c.port})"
    )


def kamailio_auth(c):
    return (
        f"NOTICE: <script>: auth failed (-{c.number(1, 4)}) {c.pick(METHODS)} "
        f"from <{c.ip}> user <{c.extension}@{PBX}> ua <friendly-scanner>"
    )


def kamailio_scanner(c):
    agent = c.pick(("sipvicious", "friendly-scanner", "sipsak", "pplsip", "VaxSIPUserAgent"))
    return f"WARNING: <script>: scanner {agent} dropped src={c.ip} method={c.pick(METHODS)}"


def kamailio_parse(c):
    return (
        "ERROR: <core> [core/parser/parse_fline.c:262]: parse_first_line(): "
        f"parse_first_line: bad message (offset: {c.number(1, 40)})"
    )


def kamailio_call(c):
    return (
        f"INFO: <script>: {c.pick(('INVITE', 'BYE', 'ACK'))} {c.extension} -> {c.extension} "
        f"ci={c.hex(24)} src=192.0.2.{c.number(1, 254)}:5060"
    )


def kamailio_register(c):
    return (
        f"INFO: <script>: REGISTER ok {c.extension}@{PBX} src=192.0.2.{c.number(1, 254)}:{c.port} "
        f"expires={c.pick((60, 120, 300, 3600))}"
    )


def kamailio_usrloc(c):
    return (
        "INFO: usrloc [udomain.c:845]: get_expired_contacts(): "
        f"{c.number(0, 12)} contacts expired in {c.number(1, 900)} us"
    )


KAMAILIO_ATTACK = (
    (25, kamailio_pike),
    (25, kamailio_pike_script),
    (35, kamailio_auth),
    (15, kamailio_scanner),
)
KAMAILIO_NOISE = (
    (55, kamailio_call),
    (35, kamailio_register),
    (5, kamailio_usrloc),
    (5, kamailio_parse),
)

# --- Putting a log together -------------------------------------------------


def weighted(templates):
    """A flat list in which each template stands as often as its weight says."""
    return [make for weight, make in templates for _ in range(weight)]


def attackers(count, ipv6_share, rng):
    """``count`` distinct addresses, the same ones for the same seed."""
    six = round(count * ipv6_share)
    if count - six > BENCH_NET.num_addresses:
        sys.exit(f"genlog: at most {BENCH_NET.num_addresses} IPv4 attackers")
    four = rng.sample(range(BENCH_NET.num_addresses), count - six)
    found = [str(BENCH_NET[n]) for n in four]
    found += [str(DOC_NET6[rng.getrandbits(64) << 16 | n]) for n in range(six)]
    rng.shuffle(found)
    return found


class Stamper:
    """Formats the front of a line, once a second rather than once a line."""

    def __init__(self, style, kamailio):
        self.style = style
        self.kamailio = kamailio
        self.second = None
        self.text = ""

    def front(self, when):
        second = int(when)
        if second != self.second:
            self.second = second
            local = time.localtime(second)
            if self.style == "iso":
                self.text = time.strftime("%Y-%m-%d %H:%M:%S", local)
            else:
                self.text = time.strftime("%b ", local) + f"{local.tm_mday:2d}"
                self.text += time.strftime(" %H:%M:%S", local)
        text = self.text
        if self.style == "iso-ms":
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            text += f".{int(when % 1 * 1000):03d}"
        if self.kamailio:
            return f"{text} sbc1 /usr/sbin/kamailio[2417]: "
        return f"[{text}] "


def generate(options, write):
    """Write the log line by line through ``write``; return the truth as a dict."""
    rng = random.Random(options.seed)
    context = Context(rng)
    addresses = attackers(options.ips, options.ipv6_share, rng)
    attack = weighted(KAMAILIO_ATTACK if options.kamailio else ASTERISK_ATTACK)
    noise = weighted(KAMAILIO_NOISE if options.kamailio else ASTERISK_NOISE)
    stamper = Stamper(options.dates, options.kamailio)
    counts = {}
    step = options.span / max(1, options.lines)
    for number in range(options.lines):
        context.when = options.start + number * step
        if rng.random() < options.attack:
            rank = rng.random() ** options.skew
            context.ip = addresses[int(rank * len(addresses))]
            counts[context.ip] = counts.get(context.ip, 0) + 1
            body = context.pick(attack)(context)
        else:
            body = context.pick(noise)(context)
        write(stamper.front(context.when) + body + "\n")
    return {
        "lines": options.lines,
        "attack_lines": sum(counts.values()),
        "distinct_ips": len(counts),
        "failures": dict(sorted(counts.items())),
    }


def moment(text):
    if text == "now":
        return time.time()
    try:
        return float(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text).timestamp()


def arguments(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog="See the docstring at the top of this file for examples.",
    )
    add = parser.add_argument
    add("--lines", type=int, default=100_000, metavar="N", help="lines to write (%(default)s)")
    add(
        "--attack",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="share of attack lines, 0..1 (%(default)s)",
    )
    add("--ips", type=int, default=10_000, metavar="N", help="distinct attackers (%(default)s)")
    add(
        "--ipv6-share",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of attackers on IPv6 (%(default)s)",
    )
    add(
        "--skew",
        type=float,
        default=1.0,
        metavar="X",
        help="1 spreads attacks evenly, 3 makes few addresses do most (%(default)s)",
    )
    add("--seed", type=int, default=1, help="random seed (%(default)s)")
    add(
        "--start",
        type=moment,
        default=moment("2026-01-01T00:00:00+00:00"),
        metavar="WHEN",
        help="first time stamp: ISO, epoch or 'now'",
    )
    add(
        "--span",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="time from the first line to the last (%(default)s)",
    )
    add(
        "--dates",
        choices=("iso", "iso-ms", "asctime"),
        help="time stamp style (iso; asctime with --kamailio)",
    )
    add("--kamailio", action="store_true", help="Kamailio lines as syslog writes them")
    add("--truth", metavar="FILE", help="write attack counts per address as JSON")
    add("-o", "--output", metavar="FILE", help="log file to write (standard output)")
    options = parser.parse_args(argv)
    if options.dates is None:
        options.dates = "asctime" if options.kamailio else "iso"
    return options


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = arguments()
    out = open(options.output, "w", encoding="utf-8") if options.output else sys.stdout
    with out:
        truth = generate(options, out.write)
    if options.truth:
        with open(options.truth, "w", encoding="utf-8") as file:
            json.dump(truth, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
