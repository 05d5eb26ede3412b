# SPDX-License-Identifier: MIT
"""The extensions that an Asterisk has, asked for at its manager interface (AMI).

The form is Asterisk's own: a greeting, then messages of ``Key: value`` lines, each ended by CR LF,
with an empty line behind each message.  A list is answered with an event for each item and
one that completes it, all with the ActionID of the question.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from logban.deadline import connected
from logban.policy.plan import MAX_EXTENSION, MAX_EXTENSIONS
from logban.text import visible

ANSWERS_WITHIN: Final = 20.0
"""Seconds that the whole conversation may take; the thread takes 1 s for 100,000 endpoints."""

MAX_BYTES: Final = 128 * 1024 * 1024
"""Bytes that are taken of an answer: MAX_EXTENSIONS endpoints with half a kilobyte each."""

MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of one message: an endpoint's, with all its contacts."""

_GREETING: Final = b"Asterisk Call Manager/"
_SHOWN: Final = 100
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class _List:
    """An action that lists extensions: its events, and what it says where there are none."""

    action: str
    item: bytes
    complete: bytes
    empty: str


_LISTS: Final = (
    _List("PJSIPShowEndpoints", b"EndpointList", b"EndpointListComplete", "No endpoints found"),
    _List("SIPpeers", b"PeerEntry", b"PeerlistComplete", ""),
)
_UNKNOWN: Final = "Invalid/unknown command"  # no module that is loaded has the action


class ManagerError(OSError):
    """The manager interface gave no usable answer; the message is a sentence."""


def extensions_of(
    host: str, port: int, user: str, secret: str, *, within: float = ANSWERS_WITHIN
) -> frozenset[str]:
    """Give the names of all PJSIP endpoints, with what they register as, and of chan_sip peers.

    ManagerError if that fails.  It blocks for ``within`` seconds at the most.  The secret is not
    sent: it answers a challenge.
    """
    where = f"{host}:{port}"
    end = time.monotonic() + within
    try:
        with connected(host, port, within) as connection:
            return Conversation(connection, end).extensions(user, secret)
    except TimeoutError:
        raise ManagerError(f"{where} did not answer within {within:g} s") from None
    except ManagerError as error:
        raise ManagerError(f"{where}: {error}") from None
    except OSError as error:
        raise ManagerError(f"{where}: {error.strerror or error}") from None


class Conversation:
    """One connection, from its greeting on."""

    def __init__(self, connection: socket.socket, end: float) -> None:
        self._connection = connection
        self._end = end
        self._buffer = bytearray()
        self._taken = 0

    def extensions(self, user: str, secret: str) -> frozenset[str]:
        """Log in and ask for all lists; a module that is not loaded has none."""
        if not self._until(b"\r\n").startswith(_GREETING):
            raise ManagerError("that is no manager interface of Asterisk")
        self._log_in(user, secret)
        found: set[str] = set()
        lists = [each for each in _LISTS if self._list(each, user, found)]
        if not lists:
            raise ManagerError("neither PJSIP nor chan_sip is loaded there")
        self._send("Logoff", secrets.token_hex(8))
        return frozenset(found)

    def _log_in(self, user: str, secret: str) -> None:
        answer = self._ask("Challenge", AuthType="MD5")
        challenge = _field(answer, b"Challenge")
        if not _is_success(answer) or not challenge:
            raise ManagerError(f"it gave no challenge: {_message_of(answer)}")
        key = hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()
        answer = self._ask("Login", AuthType="MD5", Username=user, Key=key, Events="off")
        if not _is_success(answer):
            raise ManagerError(f"it refuses the user {user!r}: {_message_of(answer)}")

    def _list(self, wanted: _List, user: str, found: set[str]) -> bool:
        """Add the names of a list to ``found``; tell whether there is such a list."""
        number = secrets.token_hex(8)
        self._send(wanted.action, number)
        own = f"ActionID: {number}".encode()
        for message in self._messages():
            if own not in message:  # an event of something else
                continue
            event = _bytes(message, b"Event")
            if event == wanted.item:
                found.update(_names_in(message))
                if len(found) > MAX_EXTENSIONS:
                    raise ManagerError(f"it has more than {MAX_EXTENSIONS} extensions")
            elif event == wanted.complete:
                return True
            elif not event and not _is_success(message):
                why = _message_of(message)
                if wanted.empty and why.startswith(wanted.empty):
                    return True
                if why.startswith(_UNKNOWN):
                    return False
                raise ManagerError(
                    f"it does not let the user {user!r} ask for {wanted.action}: {why}; "
                    "write = system,reporting in manager.conf lets him"
                )
        raise ManagerError("it has closed the connection")

    def _ask(self, action: str, **fields: str) -> bytes:
        number = secrets.token_hex(8)
        self._send(action, number, **fields)
        own = f"ActionID: {number}".encode()
        for message in self._messages():
            if own in message and message.startswith(b"Response: "):
                return message
        raise ManagerError("it has closed the connection")

    def _send(self, action: str, number: str, **fields: str) -> None:
        lines = [f"Action: {action}", f"ActionID: {number}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self._connection.settimeout(self._left())
        self._connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())

    def _messages(self) -> Iterator[bytes]:
        while True:
            yield self._until(_END)

    def _until(self, end: bytes) -> bytes:
        """Give what comes up to a mark; ManagerError beyond all bounds, or where it ends."""
        searched = 0
        while (at := self._buffer.find(end, searched)) < 0:
            searched = max(0, len(self._buffer) - len(end) + 1)
            if len(self._buffer) > MAX_MESSAGE:
                raise ManagerError(f"it sends a message of more than {MAX_MESSAGE} bytes")
            self._connection.settimeout(self._left())
            chunk = self._connection.recv(1 << 16)
            self._taken += len(chunk)
            if not chunk:
                raise ManagerError("it has closed the connection")
            if self._taken > MAX_BYTES:
                raise ManagerError(f"it sends more than {MAX_BYTES} bytes")
            self._buffer += chunk
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        return found

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _names_in(message: bytes) -> Iterator[str]:
    """Give by what names an endpoint or peer may be called: its own, and those it registers."""
    for name in (_field(message, b"ObjectName"), *_field(message, b"Aor").split(",")):
        if 0 < len(name) <= MAX_EXTENSION and name.isprintable():
            yield name


def _bytes(message: bytes, name: bytes) -> bytes:
    """Give a field of a message, the first of that name; b"" if there is none."""
    found = re.search(rb"^" + name + rb": ?([^\r\n]*)", message, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found is not None else b""


def _field(message: bytes, name: bytes) -> str:
    return _bytes(message, name).decode("utf-8", "replace")


def _is_success(message: bytes) -> bool:
    return _bytes(message, b"Response") == b"Success"


def _message_of(message: bytes) -> str:
    return visible(_field(message, b"Message") or "it gives no reason", _SHOWN)
