# SPDX-License-Identifier: MIT
"""A real SMTP server, run as a program of its own.

Tells on stdout, one JSON object a line: its port, then every message that it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


def tell(value: object) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201 - stdout is how it tells the test


class Handler:
    """Takes messages, or does what else it is told to."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    async def handle_MAIL(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self._options.refuse:
            return "550 5.7.1 no \x1b[2J mail from you"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self._options.refuse:
            return "550 5.1.1 no such \x1b[2J person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.content
        assert isinstance(content, bytes)
        tell(
            {
                "sender": envelope.mail_from,
                "recipients": envelope.rcpt_tos,
                "data": base64.b64encode(content).decode(),
                "tls": server.transport.get_extra_info("ssl_object") is not None,
                "login": session.authenticated,
                "host": session.host_name,
            }
        )
        if self._options.hang:
            await asyncio.Event().wait()
        return "554 5.6.0 not today" if self._options.reject else "250 OK"


async def serve(options: argparse.Namespace) -> None:
    user, _, password = options.login.partition(":")

    def authenticate(server, session, envelope, mechanism, data) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = data.login == user.encode() and data.password == password.encode()
        # What a hostile server could do: say the password back.
        said = f"535 5.7.8 wrong: {data.password.decode()}"
        return AuthResult(success=good, handled=False, message=None if good else said)

    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)

    def protocol() -> SMTP:
        return SMTP(
            Handler(options),
            hostname="mail.test",
            tls_context=None if options.at_once else context,
            require_starttls=options.require_starttls,
            authenticator=authenticate if user else None,
            auth_required=bool(user),
            auth_require_tls=context is not None and not options.at_once,
        )

    loop = asyncio.get_running_loop()
    tls = context if options.at_once else None
    server = await loop.create_server(protocol, "127.0.0.1", options.port, ssl=tls)
    tell({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--at-once", action="store_true", help="TLS from the first byte")
    parser.add_argument("--require-starttls", action="store_true")
    parser.add_argument("--login", default="", help="USER:PASSWORD")
    parser.add_argument("--refuse", action="append", default=[], help="an address")
    parser.add_argument("--hang", action="store_true", help="never answer the message")
    parser.add_argument("--reject", action="store_true", help="refuse the message")
    asyncio.run(serve(parser.parse_args()))
