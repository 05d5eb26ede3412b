# SPDX-License-Identifier: MIT
"""A manager interface as Asterisk's is, for tests: Asterisk itself is not in Debian 12.

The words and their order are those of Asterisk's manager.c, pjsip_configuration.c and chan_sip.c.
"""

from __future__ import annotations

import hashlib
import socketserver
import threading
from collections.abc import Iterator, Sequence
from typing import Final, cast

from logban.testing.ports import free_port

GREETING: Final = "Asterisk Call Manager/9.0.0\r\n"

_NEEDED: Final = {"PJSIPShowEndpoints": {"system"}, "SIPpeers": {"system", "reporting"}}
_CHALLENGE: Final = "158303519"


class AsteriskManager:
    """It listens on the loopback; what it has may be changed at any time.

    ``endpoints`` and ``peers`` are None where the module is not loaded.  ``write`` are the classes
    of actions that the user may use, ``raw`` is answered in place of a list, as it is.
    """

    def __init__(
        self, endpoints: Sequence[str] | None = (), peers: Sequence[str] | None = None
    ) -> None:
        self.endpoints = endpoints
        self.peers = peers
        self.user, self.secret = "logban", "s3cret:%"
        self.write = {"system", "reporting"}
        self.raw: bytes | None = None
        self.conversations = 0
        self._server: _Server | None = None
        self.port = 0

    def start(self) -> None:
        """Listen, at the same port as before if there was one."""
        self.port = self.port or free_port()
        self._server = _Server(self, self.port)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Listen no longer."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def login(self) -> str:
        """Give the text of a file with a login for it."""
        return f"[ami]\nport = {self.port}\nuser = {self.user}\nsecret = {self.secret}\n"

    def answers(self, action: str, own: str) -> Iterator[str]:
        """Give the messages that answer an action, each without its empty line."""
        needed = _NEEDED.get(action)
        names = {"PJSIPShowEndpoints": self.endpoints, "SIPpeers": self.peers}.get(action)
        if names is None or needed is None:
            said = f"{action}. Use Action: ListCommands to show available commands."
            yield f"Response: Error\r\n{own}Message: Invalid/unknown command: {said}\r\n"
        elif not needed & self.write:
            yield f"Response: Error\r\n{own}Message: Permission denied\r\n"
        elif action == "SIPpeers":
            yield _begun(own, "Peer status list will follow")
            for name in names:
                yield _peer(name, own)
            yield _completed(own, "PeerlistComplete", len(names))
        elif not names:
            yield f"Response: Error\r\n{own}Message: No endpoints found\n\r\n"
        else:
            yield _begun(own, "A listing of Endpoints follows, presented as EndpointList events")
            for name in names:
                yield _endpoint(name, own)
            yield _completed(own, "EndpointListComplete", len(names))


def _begun(own: str, said: str) -> str:
    return f"Response: Success\r\n{own}EventList: start\r\nMessage: {said}\r\n"


def _completed(own: str, event: str, count: int) -> str:
    return f"Event: {event}\r\n{own}EventList: Complete\r\nListItems: {count}\r\n"


def _endpoint(name: str, own: str) -> str:
    return (
        f"Event: EndpointList\r\n{own}ObjectType: endpoint\r\nObjectName: {name}\r\nTransport: \r\n"
        f"Aor: {name}\r\nAuths: {name}\r\nOutboundAuths: \r\nContacts: \r\n"
        "DeviceState: Unavailable\r\nActiveChannels: \r\n"
    )


def _peer(name: str, own: str) -> str:
    return (
        f"Event: PeerEntry\r\n{own}Channeltype: SIP\r\nObjectName: {name}\r\n"
        "ChanObjectType: peer\r\nIPaddress: -none-\r\nIPport: 0\r\nDynamic: yes\r\n"
        "AutoForcerport: no\r\nForcerport: yes\r\nAutoComedia: no\r\nComedia: no\r\n"
        "VideoSupport: no\r\nTextSupport: no\r\nACL: no\r\nStatus: Unmonitored\r\n"
        "RealtimeDevice: no\r\nDescription: \r\nAccountcode: \r\n"
    )


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, manager: AsteriskManager, port: int) -> None:
        self.manager = manager
        super().__init__(("127.0.0.1", port), _Session)


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        manager = cast("_Server", self.server).manager
        manager.conversations += 1
        self._say(GREETING)
        is_in = False
        while (asked := self._asked()) is not None:
            action = asked.get("Action", "")
            own = f"ActionID: {asked['ActionID']}\r\n" if "ActionID" in asked else ""
            if action == "Challenge":
                self._say(f"Response: Success\r\n{own}Challenge: {_CHALLENGE}\r\n\r\n")
            elif action == "Login":
                wanted = hashlib.md5(  # the manager's own way
                    (_CHALLENGE + manager.secret).encode(), usedforsecurity=False
                ).hexdigest()
                is_in = asked.get("Key") == wanted and asked.get("Username") == manager.user
                if not is_in:
                    self._say(f"Response: Error\r\n{own}Message: Authentication failed\r\n\r\n")
                    return
                self._say(f"Response: Success\r\n{own}Message: Authentication accepted\r\n\r\n")
            elif action == "Logoff":
                said = "Thanks for all the fish."
                self._say(f"Response: Goodbye\r\n{own}Message: {said}\r\n\r\n")
                return
            elif not is_in:
                self._say(f"Response: Error\r\n{own}Message: Permission denied\r\n\r\n")
            elif manager.raw is not None:
                self.wfile.write(manager.raw.replace(b"OWN", own.encode()))
            else:
                for message in manager.answers(action, own):
                    self._say(f"{message}\r\n")

    def _asked(self) -> dict[str, str] | None:
        """Read a message; None where the client has gone."""
        fields: dict[str, str] = {}
        for line in self.rfile:
            if line == b"\r\n":
                return fields
            key, _, value = line.decode().partition(": ")
            fields[key] = value.rstrip("\r\n")
        return None

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode())
