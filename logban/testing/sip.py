# SPDX-License-Identifier: MIT
"""SIP requests as telephones send them, and as attackers do: any part may be hostile bytes."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Request:
    """A request (RFC 3261, 8.1.1), every part of it as bytes."""

    method: bytes = b"OPTIONS"
    uri: bytes = b"sip:127.0.0.1"
    sender: bytes = b"<sip:bob@example.org>"
    recipient: bytes = b"<sip:bob@example.org>"
    call_id: bytes = b"call-1"
    agent: bytes = b"telephone"
    cseq: int = 1
    headers: tuple[bytes, ...] = ()
    transport: bytes = b"UDP"

    def encoded(self) -> bytes:
        """Write the request, each time with another branch."""
        via = self.transport + b" 127.0.0.1:5999;branch=z9hG4bK" + uuid.uuid4().hex.encode()
        lines = [
            self.method + b" " + self.uri + b" SIP/2.0",
            b"Via: SIP/2.0/" + via + b";rport",
            b"Max-Forwards: 70",
            b"From: " + self.sender + b";tag=1",
            b"To: " + self.recipient,
            b"Call-ID: " + self.call_id,
            b"CSeq: %d " % self.cseq + self.method,
            b"User-Agent: " + self.agent,
            *self.headers,
            b"Content-Length: 0",
            b"",
            b"",
        ]
        return b"\r\n".join(lines)

    def answering(self, challenge: bytes, user: bytes, password: bytes) -> Request:
        """Give the same request with the answer to a challenge (RFC 2617, without qop)."""
        realm, nonce = (
            found[1] if (found := re.search(name + rb'="([^"]+)"', challenge)) else b""
            for name in (b"realm", b"nonce")
        )
        first = _digest(user + b":" + realm + b":" + password)
        second = _digest(self.method + b":" + self.uri)
        response = _digest(first + b":" + nonce + b":" + second)
        kind = b"Proxy-Authorization" if b"Proxy-Auth" in challenge else b"Authorization"
        answer = b'%s: Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"' % (
            *(kind, user, realm),
            *(nonce, self.uri, response),
        )
        return replace(self, cseq=self.cseq + 1, headers=(*self.headers, answer))


def _digest(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
