#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a synthetic but realistic Asterisk log, the same bytes for the same arguments.

Attackers have addresses of the benchmarking range 198.18.0.0/15 (RFC 2544), so that a log can be
fed to a live service without naming a real host.  The noise holds near misses: the words of an
attack in lines that are none (``SecurityEvent="SuccessfulAuth"``, a peer that became reachable).

    genlog.py --lines 1000000 --attack 0.01 -o full.log
    genlog.py --lines 5000 --attack 1 --truth truth.json -o full.log
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

PBX = "203.0.113.5"
BENCH_NET = ipaddress.ip_network("198.18.0.0/15")
START = 1_767_225_600  # 2026-01-01T00:00:00Z
SPAN = 3600.0


class Draw:
    """The random source, and what templates draw from it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.address = ""
        self.when = 0.0

    def number(self, low: int, high: int) -> int:
        """Draw a whole number."""
        return low + int(self.random.random() * (high - low + 1))

    def pick(self, *choices: str) -> str:
        """Draw one of several words."""
        return choices[int(self.random.random() * len(choices))]

    def hex(self, length: int) -> str:
        """Draw hexadecimal digits."""
        return f"{self.random.getrandbits(4 * length):0{length}x}"

    @property
    def extension(self) -> int:
        """Draw an extension."""
        return self.number(100, 9999)

    @property
    def peer(self) -> str:
        """Draw a port for the attacker."""
        return f"{self.address}:{self.number(1024, 65535)}"


def registration(draw: Draw) -> str:
    """A chan_sip registration that failed."""
    extension = draw.extension
    reason = draw.pick(
        "Wrong password",
        "No matching peer found",
        "Username/auth name mismatch",
        "Device does not match ACL",
        "Peer is not supposed to register",
    )
    return (
        f"NOTICE[{draw.number(900, 4000)}] chan_sip.c: Registration from "
        f"'\"{extension}\" <sip:{extension}@{PBX}:5060>' failed for '{draw.peer}' - {reason}"
    )


def call_rejected(draw: Draw) -> str:
    """A call from nowhere to a costly number."""
    return (
        f"NOTICE[{draw.number(900, 4000)}][C-{draw.hex(8)}] chan_sip.c: Call from '' ({draw.peer}) "
        f"to extension '00{draw.number(10**9, 10**11)}' rejected because extension not found in "
        "context 'default'."
    )


def pjsip_request(draw: Draw) -> str:
    """A request that pjsip refused."""
    extension = draw.extension
    method = draw.pick("REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE")
    reason = draw.pick(
        "No matching endpoint found",
        "Failed to authenticate",
        "Error to authenticate",
        "Not match Endpoint ACL",
    )
    return (
        f"NOTICE[{draw.number(900, 4000)}] res_pjsip/pjsip_distributor.c: Request '{method}' from "
        f"'\"{extension}\" <sip:{extension}@{PBX}>' failed for '{draw.peer}' "
        f"(callid: {draw.hex(24)}) - {reason}"
    )


def security_event(draw: Draw, event: str, severity: str, address: str, tail: str) -> str:
    """A line of the security channel."""
    transport = draw.pick("UDP", "UDP", "UDP", "TCP", "TLS", "WS")
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(draw.when))
    return (
        f'SECURITY[{draw.number(900, 4000)}] res_security_log.c: SecurityEvent="{event}",'
        f'EventTV="{moment}.{int(draw.when % 1 * 1000):03d}+0000",Severity="{severity}",'
        f'Service="PJSIP",EventVersion="1",AccountID="{draw.extension}",SessionID="{draw.hex(32)}",'
        f'LocalAddress="IPV4/{transport}/{PBX}/5060",'
        f'RemoteAddress="IPV4/{transport}/{address}/{draw.number(1024, 65535)}"{tail}'
    )


def security_failure(draw: Draw) -> str:
    """A security event that is a failure."""
    event = draw.pick("ChallengeResponseFailed", "InvalidPassword", "InvalidAccountID", "FailedACL")
    return security_event(draw, event, "Error", draw.address, f',Challenge="{draw.hex(8)}"')


def security_success(draw: Draw) -> str:
    """A security event that is none."""
    event = draw.pick("SuccessfulAuth", "ChallengeSent")
    phone = f"192.0.2.{draw.number(1, 254)}"
    return security_event(draw, event, "Informational", phone, f',Challenge="{draw.hex(32)}"')


def executing(draw: Draw) -> str:
    """A step of the dialplan."""
    channel = f"PJSIP/{draw.extension}-{draw.hex(8)}"
    step = draw.pick(
        f'Set("{channel}", "CALLERID(number)={draw.extension}") in new stack',
        f'GotoIf("{channel}", "0?skip") in new stack',
        f'Dial("{channel}", "PJSIP/{draw.extension}/sip:{draw.extension}@192.0.2.17:5060,30,tTkr")',
        f'Playback("{channel}", "vm-goodbye") in new stack',
    )
    return (
        f"VERBOSE[{draw.number(4000, 32000)}][C-{draw.hex(8)}] pbx.c: Executing "
        f"[s@macro-dial-one:{draw.number(1, 60)}] {step}"
    )


def dialing(draw: Draw) -> str:
    """A call on its way."""
    what = draw.pick(
        f"Called PJSIP/{draw.extension}/sip:{draw.extension}@192.0.2.17:5060",
        f"PJSIP/{draw.extension}-{draw.hex(8)} is ringing",
        f"Channel PJSIP/{draw.extension}-{draw.hex(8)} joined 'simple_bridge' <{draw.hex(8)}>",
        f"Spawn extension (macro-dial-one, s, {draw.number(1, 60)}) exited non-zero",
    )
    return f"VERBOSE[{draw.number(4000, 32000)}][C-{draw.hex(8)}] app_dial.c: {what}"


def rtp_debug(draw: Draw) -> str:
    """A line of RTP debugging."""
    return (
        f"DEBUG[{draw.number(4000, 32000)}][C-{draw.hex(8)}] res_rtp_asterisk.c: "
        f"(0x7f{draw.hex(10)}) RTP setting address to "
        f"192.0.2.{draw.number(1, 254)}:{draw.number(1024, 65535)}"
    )


def peer_state(draw: Draw) -> str:
    """A peer that answers again."""
    return (
        f"NOTICE[{draw.number(900, 4000)}] chan_sip.c: Peer '{draw.extension}' is now Reachable. "
        f"({draw.number(1, 90)}ms / 2000ms)"
    )


def ssh_failure(draw: Draw) -> str:
    """A login by SSH that failed."""
    user = draw.pick("root", "admin", "test", "ubuntu", "oracle")
    number, port = draw.number(300, 99999), draw.number(1024, 65535)
    what = draw.pick(
        f"Failed password for {user} from {draw.address} port {port} ssh2",
        f"Failed password for invalid user {user} from {draw.address} port {port} ssh2",
        f"Invalid user {user} from {draw.address} port {port}",
    )
    return f"sshd[{number}]: {what}"


def ssh_noise(draw: Draw) -> str:
    """What else is in a host's authentication log."""
    user, phone = draw.pick("anna", "ben", "carla"), f"192.0.2.{draw.number(1, 254)}"
    number, port = draw.number(300, 99999), draw.number(1024, 65535)
    return draw.pick(
        f"sshd[{number}]: Received disconnect from {phone} port {port}:11: disconnected by user",
        f"sshd[{number}]: pam_unix(sshd:session): session opened for user {user} by (uid=0)",
        f"CRON[{number}]: pam_unix(cron:session): session closed for user {user}",
        f"sudo: {user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/apt update",
        f"systemd-logind[{number}]: New session {draw.number(1, 9999)} of user {user}.",
    )


Template = Callable[[Draw], str]
# Each as often as it is weighty.
ATTACK: list[Template] = (
    [registration] * 6 + [call_rejected] * 3 + [pjsip_request] * 6 + [security_failure] * 5
)
NOISE: list[Template] = (
    [executing] * 41 + [dialing] * 32 + [rtp_debug] * 8 + [peer_state] * 6 + [security_success] * 13
)


def main() -> int:
    """Write the log."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--attack", type=float, default=0.01, help="share of attack lines, 0 to 1")
    parser.add_argument("--ips", type=int, default=10_000, help="number of attackers")
    parser.add_argument("--start", type=float, default=START, help="time of the first line")
    parser.add_argument("--span", type=float, default=SPAN, help="seconds to the last line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sshd", action="store_true", help="a host's auth.log, not Asterisk's")
    parser.add_argument("--truth", type=Path, help="write the attack lines of each address as JSON")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    draw = Draw(options.seed)
    attackers = [str(BENCH_NET[n]) for n in draw.random.sample(range(2**17), options.ips)]
    truth: Counter[str] = Counter()
    destination = options.output.open("w") if options.output else nullcontext(sys.stdout)
    with destination as out:
        for number in range(options.lines):
            draw.when = options.start + number * options.span / options.lines
            templates = [ssh_noise] if options.sshd else NOISE
            if draw.random.random() < options.attack:
                templates = [ssh_failure] if options.sshd else ATTACK
                draw.address = draw.pick(*attackers)
                truth[draw.address] += 1
            line = templates[draw.number(0, len(templates) - 1)](draw)
            moment = time.gmtime(draw.when)
            if options.sshd:
                out.write(f"{time.strftime('%b %e %H:%M:%S', moment)} pbx {line}\n")
            else:
                out.write(f"[{time.strftime('%Y-%m-%d %H:%M:%S', moment)}] {line}\n")
    if options.truth:
        options.truth.write_text(json.dumps(truth), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
