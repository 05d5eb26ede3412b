# SPDX-License-Identifier: MIT
"""What Asterisk and Kamailio log of phones and of attackers, in the shapes of real logs.

Every method notes the lines of one thing that happened, at a time in seconds since the epoch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

SERVER = "192.0.2.1"


class Log:
    """Lines by the time at which they are written."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311  # ports and Call-IDs of a story
        self._lines: list[tuple[float, int, str]] = []

    def note(self, time: float, line: str) -> None:
        """Write a line at a time; those of one time stay in their order."""
        self._lines.append((time, len(self._lines), line))

    def lines(self) -> Iterator[tuple[float, str]]:
        """Give all lines in the order of their times."""
        return ((time, line) for time, _, line in sorted(self._lines))

    def hexadecimal(self, digits: int) -> str:
        """Give digits as in a Call-ID."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def port(self) -> int:
        """Give a port of a peer's."""
        return self._random.randrange(10_000, 65_000)

    def among(self, *choices: str) -> str:
        """Give one of these."""
        return self._random.choice(choices)


class Asterisk(Log):
    """What both channel drivers have in common."""

    threads = ("18390", "18391", "18392")
    service = ""

    def event(self, time: float, name: str, user: str, session: str, peer: str, more: str) -> None:
        """Note a security event; ``peer`` is an address and a port."""
        bad = "Error" if name not in ("ChallengeSent", "SuccessfulAuth") else "Informational"
        version = "6" if ":" in peer.rpartition("/")[0] else "4"
        self.note(
            time,
            f"{_date(time)} SECURITY[18422] res_security_log.c: "
            f'SecurityEvent="{name}",EventTV="{_stamp(time)}",Severity="{bad}",'
            f'Service="{self.service}",EventVersion="1",AccountID="{user}",SessionID="{session}",'
            f'LocalAddress="IPV{version}/UDP/{SERVER}/5060",RemoteAddress="IPV{version}/UDP/{peer}"'
            f"{more}",
        )

    def message(self, time: float, level: str, text: str) -> None:
        """Note a message of some thread's."""
        self.note(time, f"{_date(time)} {level}[{self.among(*self.threads)}] {text}")

    def broken_tls(self, time: float, ip: str) -> None:
        """Somebody begins a TLS connection, and does not get through with it."""
        text = f"tcptls.c: Unable to set up ssl connection with peer '{_host(ip)}:{self.port()}'"
        self.message(time, "ERROR", text)

    def manager(self, time: float, ip: str, user: str) -> None:
        """Somebody tries a user of the manager interface."""
        self.message(time, "NOTICE", f"manager.c: {ip} failed to authenticate as '{user}'")


class Pjsip(Asterisk):
    """Asterisk with pjsip."""

    service = "PJSIP"

    def challenge(self, time: float, ip: str, user: str, port: int | None = None) -> None:
        """Somebody's first request comes without credentials, as it should."""
        peer = f"{ip}/{port or self.port()}"
        self.event(time, "ChallengeSent", user, self.hexadecimal(16), peer, ',Challenge=""')

    def register(self, time: float, ip: str, user: str) -> None:
        """Register a phone with the right password."""
        port, call = self.port(), self.hexadecimal(16)
        self.event(time, "ChallengeSent", user, call, f"{ip}/{port}", ',Challenge=""')
        time += 0.02
        self.event(time, "SuccessfulAuth", user, call, f"{ip}/{port}", ',UsingPassword="1"')
        text = (
            f"res_pjsip_registrar.c: Added contact 'sip:{user}@{_host(ip)}:{port}' to AOR '{user}'"
        )
        self.message(time, "VERBOSE", f"{text} with expiration of 3600 seconds")

    def wrong_password(self, time: float, ip: str, user: str) -> None:
        """Somebody answers the challenge with a wrong password."""
        port, call = self.port(), self.hexadecimal(16)
        self.event(time, "ChallengeSent", user, call, f"{ip}/{port}", ',Challenge=""')
        self.failed(time + 0.02, ip, port, user, call, "Failed to authenticate")
        more = (
            f',Challenge="{int(time)}/{self.hexadecimal(32)}",Response="{self.hexadecimal(32)}",'
            'ExpectedResponse=""'
        )
        self.event(time + 0.02, "ChallengeResponseFailed", user, call, f"{ip}/{port}", more)

    def unknown(self, time: float, ip: str, user: str, method: str = "REGISTER") -> None:
        """Somebody tries a user whom there is not."""
        port, call = self.port(), self.hexadecimal(16)
        self.failed(time, ip, port, user, call, "No matching endpoint found", method)
        self.event(time, "InvalidAccountID", user, call, f"{ip}/{port}", "")

    def guest_call(self, time: float, ip: str, number: str, endpoint: str = "anonymous") -> None:
        """Somebody calls a number that there is not; guests are anonymous."""
        text = (
            f"res_pjsip_session.c:  {endpoint}: Call (UDP:{_host(ip)}:{self.port()}) to extension "
        )
        why = "rejected because extension not found in context 'from-sip-external'."
        self.message(time, "NOTICE", f"{text}'{number}' {why}")

    def failed(
        self, time: float, ip: str, port: int, user: str, call: str, why: str,
        method: str = "REGISTER",
    ) -> None:  # fmt: skip
        """Note that a request failed, and nothing beside."""
        self.message(
            time,
            "NOTICE",
            f"res_pjsip/pjsip_distributor.c: Request '{method}' from '\"{user}\" "
            f"<sip:{user}@{SERVER}>' failed for '{_host(ip)}:{port}' (callid: {call}) - {why}",
        )


class Container(Pjsip):
    """The same, as the runtime of a container keeps it: with a date of its own for each line."""

    def lines(self) -> Iterator[tuple[float, str]]:
        """Give all lines in the order of their times."""
        for time, line in super().lines():
            date = datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds")
            yield time, f"{date.removesuffix('+00:00')}123Z stdout F {line}"


class ChanSip(Asterisk):
    """Asterisk with chan_sip, which says of an unknown user that the password is wrong."""

    threads = ("17394",)
    service = "SIP"

    def challenge(self, time: float, ip: str, user: str) -> None:
        """Somebody's first request comes without credentials, as it should."""
        session = f"0x7f{self.hexadecimal(10)}"
        self.event(time, "ChallengeSent", user, session, f"{ip}/5060", ',Challenge="05ec4f1b"')

    def register(self, time: float, ip: str, user: str) -> None:
        """Register a phone with the right password."""
        port = self.port()
        peer, session = f"{ip}/{port}", f"0x7f{self.hexadecimal(10)}"
        self.event(time, "ChallengeSent", user, session, peer, ',Challenge="05ec4f1b"')
        time += 0.02
        self.event(time, "SuccessfulAuth", user, session, peer, ',UsingPassword="1"')
        self.message(time, "VERBOSE", f"chan_sip.c: Registered SIP '{user}' at {_host(ip)}:{port}")

    def wrong_password(self, time: float, ip: str, user: str) -> None:
        """Somebody answers the challenge with a wrong password, or for an unknown user."""
        port, nonce = self.port(), self.hexadecimal(8)
        text = f"chan_sip.c: Registration from '\"{user}\" <sip:{user}@{SERVER}>' failed for "
        self.message(time, "NOTICE", f"{text}'{_host(ip)}:{port}' - Wrong password")
        answer = self.hexadecimal(32)
        more = f',Challenge="{nonce}",ReceivedChallenge="{nonce}",ReceivedHash="{answer}"'
        session = f"0x7f{self.hexadecimal(10)}"
        self.event(time, "InvalidPassword", user, session, f"{ip}/{port}", more)

    unknown = wrong_password

    def guest_call(self, time: float, ip: str, number: str, peer: str = "") -> None:
        """Somebody calls a number that there is not; guests have no name."""
        port = self.port()
        text = (
            f"chan_sip.c: Call from '{peer}' ({_host(ip)}:{port}) to extension '{number}' rejected "
        )
        self.message(time, "NOTICE", f"{text}because extension not found in context 'default'.")
        where = f"{ip}/{port}"
        acl = ',ACLName="no_extension_match"'
        self.event(time, "FailedACL", number, f"0x7f{self.hexadecimal(10)}", where, acl)


class Kamailio(Log):
    """Kamailio with the script of its own distribution, by syslog."""

    def wrong_password(self, time: float, ip: str, user: str) -> None:
        """Somebody answers the challenge with a wrong password, or for an unknown user."""
        prefix = f"NOTICE: {{1 2 REGISTER {self.hexadecimal(16)}}} <script>: auth failed"
        self._write(
            time, f"{prefix} - [REGISTER] from <sip:{user}@{SERVER}> user {user} src ip: {ip}"
        )

    unknown = wrong_password

    def flood(self, time: float, ip: str) -> None:
        """The module pike blocks a flood."""
        prefix = f"ALERT: {{1 1 REGISTER {self.hexadecimal(16)}@{ip}}} <script>: ALERT: "
        peer = f"(IP:{ip}:{self.port()})"
        self._write(time, f"{prefix}pike blocking REGISTER from sip:100@{SERVER} {peer}")

    def _write(self, time: float, text: str) -> None:
        date = datetime.fromtimestamp(time, UTC).strftime("%b %e %H:%M:%S")
        worker = self.among("16996", "16997", "17001", "17003")
        self.note(time, f"{date} sbc /usr/sbin/kamailio[{worker}]: {text}")


def _host(ip: str) -> str:
    """Write an address as before a port."""
    return f"[{ip}]" if ":" in ip else ip


def _date(time: float) -> str:
    at = datetime.fromtimestamp(time, UTC)
    return f"[{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}]"


def _stamp(time: float) -> str:
    at = datetime.fromtimestamp(time, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"
