# SPDX-License-Identifier: MIT
"""How a mail leaves the host: by an SMTP server, or by the sendmail program.

A message is bytes with LF line ends, ASCII only.  ``deliver`` gives the recipients that were
refused while others got it, each with the reason; it raises ActionError where nobody got it and
NotAgain where a second attempt would be no better, or would tell people twice.
"""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from logban.actions import process
from logban.actions.mail.server import Endpoint, Tls, check_private
from logban.deadline import Deadline, connected
from logban.durations import format_duration
from logban.errors import ActionError
from logban.text import visible

_PORTS = {Tls.TLS: 465, Tls.STARTTLS: 587}
_REPLY = 64 * 1024  # bytes of one reply of an SMTP server; RFC 5321 has lines of 512
_OUTPUT = 4096  # of the sendmail program: enough for its reason


class NotAgain(ActionError):
    """The mail is not to be sent again: it may have been taken, or was refused for what it says.

    The latter because it holds hostile text: who can write a line that mail servers take for
    spam would otherwise keep back every mail behind it.
    """


class Delivery(Protocol):
    """A way for a mail to leave the host."""

    def deliver(self, sender: str, recipients: Sequence[str], message: bytes) -> Mapping[str, str]:
        """Send one message to all of them."""
        ...


@dataclass(frozen=True, slots=True)
class Sendmail:
    """The sendmail program, which every mail server for Unix brings."""

    program: Path
    timeout: float

    def deliver(self, sender: str, recipients: Sequence[str], message: bytes) -> Mapping[str, str]:
        """Hand the message to the program; it says nothing of single recipients."""
        # -oi: a line of a single dot does not end the message.
        argv = (str(self.program), "-oi", "-f", sender, *recipients)
        try:
            finished = process.run(argv, timeout=self.timeout, limit=_OUTPUT, given=message)
        except OSError as error:
            raise ActionError(f"mail: {self.program} cannot be run: {error.strerror}") from error
        if finished.timed_out:
            raise NotAgain(
                f"mail: {self.program} did not end within {format_duration(self.timeout)}; "
                "the mail may or may not have been taken and is not sent again"
            )
        if finished.code:
            said = finished.output.decode(errors="replace").strip()
            raise ActionError(
                f"mail: {self.program} failed with {finished.code}: {visible(said, 300)}"
            )
        return {}


@dataclass(frozen=True, slots=True)
class Either:
    """The sendmail program where there is one when a mail is sent, else a server."""

    program: Sendmail
    server: Smtp

    def deliver(self, sender: str, recipients: Sequence[str], message: bytes) -> Mapping[str, str]:
        """Send by the one that is there."""
        there = os.access(self.program.program, os.X_OK)
        chosen: Delivery = self.program if there else self.server
        return chosen.deliver(sender, recipients, message)


@dataclass(frozen=True, slots=True)
class Smtp:
    """An SMTP server (RFC 5321), with TLS and a login where they are wanted.

    ``hostname`` is what this host calls itself.  With ``tls`` auto, TLS is used where the server
    offers it, and its certificate is not looked at: there would be no TLS at all otherwise.  A
    password is another matter: it goes only to a server that has proved who it is, or to this
    host itself.
    """

    endpoint: Endpoint
    hostname: str
    timeout: float
    tls: Tls = Tls.AUTO
    verify: bool = True
    ca: Path | None = None
    user: str | None = None
    password_file: Path | None = None

    def deliver(self, sender: str, recipients: Sequence[str], message: bytes) -> Mapping[str, str]:
        """Send the message in one session, to all recipients at once."""
        # The host's name completes a sender without one: servers refuse it otherwise.
        complete = sender if "@" in sender else f"{sender}@{self.hostname}"
        with self._session() as smtp:
            wire = message.replace(b"\n", b"\r\n")
            size = (f"size={len(wire)}",) if smtp.has_extn("size") else ()
            code, said = smtp.mail(complete, size)
            if code != 250:
                raise self._refused(f"the sender {complete}", code, said)
            refused: dict[str, str] = {}
            for recipient in recipients:
                code, said = smtp.rcpt(recipient)
                if code not in {250, 251}:
                    refused[recipient] = _reply(code, said)
            if len(refused) == len(recipients):
                reasons = "; ".join(f"{who} ({why})" for who, why in refused.items())
                raise ActionError(f"mail: {self.endpoint} refused every recipient: {reasons}")
            try:
                code, said = smtp.data(wire)
            except (smtplib.SMTPServerDisconnected, OSError) as error:
                raise self._in_doubt() from error
            if not 200 <= code < 600:  # half a reply, cut off with the connection
                raise self._in_doubt()
            if code >= 500:
                raise NotAgain(f"{self._refused('the mail', code, said)}; it is not sent again")
            if code != 250:
                raise self._refused("the mail", code, said)
            return refused

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Connect, secure, log in; and put what goes wrong into a sentence."""
        end = time.monotonic() + self.timeout
        smtp = _Session(local_hostname=self.hostname)
        try:
            connection = connected(*self._place(), self.timeout)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ActionError(f"mail: {self.endpoint} cannot be reached: {reason}") from error
        deadline = Deadline(connection, end - time.monotonic())
        try:
            smtp.sock = connection
            self._open(smtp)
            yield smtp
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        except ActionError as error:
            # A reply that was cut off halfway looks like a refusal.
            if deadline.passed and not isinstance(error, NotAgain):
                raise self._late() from error
            raise
        except ssl.SSLCertVerificationError as error:
            raise ActionError(
                f"mail: the certificate of {self.endpoint} is not trusted "
                f"({visible(error.verify_message, 200)}); name its issuer in tls_ca, "
                "or give tls_verify = no"
            ) from error
        except smtplib.SMTPResponseException as error:
            said = error.smtp_error
            said = said if isinstance(said, bytes) else said.encode(errors="replace")
            raise self._refused("to go on", error.smtp_code, said) from error
        except (smtplib.SMTPException, OSError) as error:
            if deadline.passed:
                raise self._late() from error
            raise ActionError(
                f"mail: {self.endpoint} broke off: {visible(str(error), 300)}"
            ) from error
        finally:
            smtp.close()
            connection.close()
            deadline.close()

    def _place(self) -> tuple[str, int]:
        return self.endpoint.host, self.endpoint.port or _PORTS.get(self.tls, 25)

    def _open(self, smtp: smtplib.SMTP) -> None:
        # Port 465 speaks TLS from the first byte (RFC 8314).
        at_once = self.tls is Tls.TLS or (self.tls is Tls.AUTO and self.endpoint.port == 465)
        if at_once:
            self._secure(smtp)
        code, said = smtp.getreply()
        if code != 220:
            raise self._refused("the connection", code, said)
        smtp.ehlo_or_helo_if_needed()
        secured = at_once
        if not at_once and self.tls is not Tls.NONE:
            secured = self._start_tls(smtp)
        if self.user is not None:
            if not secured and not self.endpoint.is_loopback:
                raise ActionError(
                    f"mail: {self.endpoint} offers no TLS, and the password is not sent in clear"
                )
            self._log_in(smtp, self.user)

    def _start_tls(self, smtp: smtplib.SMTP) -> bool:
        if not smtp.has_extn("starttls"):
            if self.tls is Tls.STARTTLS:
                raise ActionError(f"mail: {self.endpoint} does not offer STARTTLS")
            return False
        code, said = smtp.docmd("STARTTLS")
        if code != 220:
            raise self._refused("STARTTLS", code, said)
        self._secure(smtp)
        # What was said before is forgotten (RFC 3207, 4.2): it could have been anybody.
        smtp.ehlo()
        return True

    def _secure(self, smtp: smtplib.SMTP) -> None:
        proof = self.verify and (
            self.tls is not Tls.AUTO or (self.user is not None and not self.endpoint.is_loopback)
        )
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise ActionError(
                f"mail: no certificates can be read from {self.ca}: {error}"
            ) from error
        if not proof:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if smtp.sock is not None:
            smtp.sock = context.wrap_socket(smtp.sock, server_hostname=self.endpoint.host)
        smtp.file = None  # smtplib's buffer; what came in clear behind 220 is dropped with it

    def _log_in(self, smtp: smtplib.SMTP, user: str) -> None:
        if not user.isascii():
            raise ActionError(f"mail: the user {visible(user, 100)} is not plain ASCII")
        try:
            smtp.login(user, self._password())
        except smtplib.SMTPAuthenticationError as error:
            # Not what the server said: it could say the password.
            raise ActionError(
                f"mail: {self.endpoint} refused the login of {user} ({error.smtp_code})"
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise ActionError(f"mail: {self.endpoint} offers no login") from None
        except ValueError:  # a challenge that is no base64
            raise ActionError(
                f"mail: {self.endpoint} asks for the password in a way that can't be understood"
            ) from None

    def _password(self) -> str:
        path = self.password_file
        if path is None:
            return ""
        try:
            with path.open(encoding="ascii") as file:
                check_private(path, os.fstat(file.fileno()).st_mode)
                return file.readline(1024).rstrip("\r\n")
        except UnicodeDecodeError:
            raise ActionError(f"mail: the password in {path} is not plain ASCII") from None
        except (OSError, ValueError) as error:
            raise ActionError(f"mail: no password: {error}") from None

    def _late(self) -> ActionError:
        span = format_duration(self.timeout)
        return ActionError(f"mail: {self.endpoint} did not answer within {span}")

    def _in_doubt(self) -> NotAgain:
        return NotAgain(
            f"mail: {self.endpoint} did not say whether it took the mail; it is not sent again"
        )

    def _refused(self, what: str, code: int, said: bytes) -> ActionError:
        return ActionError(f"mail: {self.endpoint} refused {what}: {_reply(code, said)}")


class _Replies:
    """What a server says, a reply at a time, each of bounded length."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")
        self._left = 0

    def begin(self) -> None:
        """Let another reply begin."""
        self._left = _REPLY

    def readline(self, limit: int) -> bytes:
        """Give a line; OSError when they come to too much."""
        line = self._file.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(f"a reply of more than {_REPLY} bytes")
        return line

    def close(self) -> None:
        """Let go."""
        self._file.close()


class _Session(smtplib.SMTP):
    """smtplib bounds the lines of a reply, and not how many there are."""

    def getreply(self) -> tuple[int, bytes]:
        """Give the server's reply."""
        if self.file is None and self.sock is not None:
            self.file = _Replies(self.sock)
        if isinstance(self.file, _Replies):
            self.file.begin()
        return super().getreply()


def _reply(code: int, said: bytes) -> str:
    return visible(f"{code} {said.decode(errors='replace')}", 300)
