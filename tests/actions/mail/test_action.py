# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.actions.mail.action` and delivery, with a real SMTP server and sendmail."""

from __future__ import annotations

import base64
import json
import logging
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from datetime import timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec, ParameterError
from logban.actions.mail.action import SUBJECT, Email, Letter, _default_body, build
from logban.actions.mail.delivery import Delivery, Either, NotAgain, Sendmail, Smtp
from logban.actions.mail.envelope import Envelope
from logban.actions.mail.server import Endpoint, Tls
from logban.actions.mail.whois import Whois
from logban.actions.pacing import Pace
from logban.actions.protocols import Digesting, Notifier
from logban.actions.templates import TEXT
from logban.actions.types_message import EMAIL
from logban.errors import ActionError
from logban.model import Ban, BanOrigin, Change, ChangeKind, Evidence, Subject, SubjectKind
from logban.testing.clock import FakeClock
from logban.testing.ports import free_port
from logban.testing.waiting import LIMIT

NOW = FakeClock().now()  # 2026-11-20 10:00 UTC
LINES = tuple(
    Evidence(NOW - 9 + number, "wrong-password", f"line {number}", "/var/log/asterisk/full")
    for number in range(5)
)
ADDRESS = Subject(SubjectKind.IP, "198.51.100.7")
BAN = Ban("asterisk", ADDRESS, NOW, NOW + 10800, 5, "wrong-password", LINES)
CHANGE = Change(ChangeKind.BAN, BAN, NOW)
SECRET = "geheim-8kQ"  # noqa: S105 - the password of the tests' own server
HEADERS = [
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Logban-Event",
    "X-Logban-Jail",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
]


def letter(**changes: object) -> Letter:
    first = Envelope(
        recipients=("micorreo@algunmail.test", "otrocorreo@algunmail.test"),
        sender="fail2ban@example.org",
        sender_name="logban",
        hostname="pbx.example.org",
    )
    parts = {each.name for each in fields(Envelope)} & changes.keys()
    of_it = {name: changes.pop(name) for name in parts}
    written = Letter(
        name="ASTERISK",
        envelope=replace(first, **of_it),  # type: ignore[arg-type]  # the tests name the fields
        subject=TEXT.from_string(SUBJECT),
        body=_default_body(),
        lines=20,
        zone=timezone(timedelta(hours=1), "CET"),
    )
    return replace(written, **changes)  # type: ignore[arg-type]  # the tests name the fields


def email(delivery: Delivery, **options) -> Email:
    return Email(letter(), delivery, FakeClock(), **options)


def read(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def content(message: EmailMessage) -> str:
    text = message.get_content()
    assert isinstance(text, str)
    return text


class Kept:
    """A delivery that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    def deliver(self, _sender, _recipients, message: bytes) -> Mapping[str, str]:
        self.messages.append(read(message))
        return {}


class Server:
    """The SMTP server of ``smtp_server.py``, running."""

    def __init__(self, *options: str) -> None:
        program = Path(__file__).parents[1] / "smtp_server.py"
        self._process = subprocess.Popen(
            (sys.executable, "-W", "ignore", program, *options), stdout=subprocess.PIPE, text=True
        )
        self.endpoint = Endpoint("127.0.0.1", self.told()["port"])

    def told(self) -> dict:
        """Give the next thing that the server tells, waiting for it."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 20)
        assert ready, "the server told nothing"
        return json.loads(self._process.stdout.readline())

    def end(self) -> list[dict]:
        """Stop the server; give what it had still to tell."""
        if self._process.returncode is not None:
            return []
        self._process.kill()
        rest, _ = self._process.communicate()
        return [json.loads(line) for line in rest.splitlines()]


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*options: str) -> Server:
        servers.append(Server(*options))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
def sendmail(tmp_path: Path) -> Path:
    """A sendmail program that keeps its arguments and its input."""
    path = tmp_path / "sendmail"
    path.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\ncat > {tmp_path}/message\n'
    )
    path.chmod(0o755)
    return path


def smtp(endpoint: Endpoint, **options) -> Smtp:
    return Smtp(endpoint, "pbx.example.org", **{"timeout": LIMIT, **options})


# --- what a mail says


def test_a_mail_says_who_why_until_when_and_how_to_lift_it() -> None:
    kept = Kept()
    notifier = email(kept)
    assert isinstance(notifier, Notifier)
    notifier.notify(CHANGE)
    notifier.close()
    (message,) = kept.messages
    assert message.keys() == HEADERS
    assert message["Subject"] == "[logban] ASTERISK: banned 198.51.100.7 on pbx.example.org"
    assert message["From"] == "logban <fail2ban@example.org>"
    assert message["To"] == "micorreo@algunmail.test, otrocorreo@algunmail.test"
    assert message["Date"].datetime.timestamp() == NOW
    assert message["Date"].endswith("+0100")
    assert re.fullmatch(r"<[^@\s]+@pbx\.example\.org>", message["Message-ID"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Logban-Event"] == "ban"
    assert message["X-Logban-Jail"] == "asterisk"
    assert content(message) == (
        "198.51.100.7 has been banned on pbx.example.org.\n"
        "\n"
        "  Jail:      asterisk\n"
        "  Since:     2026-11-20 11:00:00 CET (+0100)\n"
        "  Until:     2026-11-20 14:00:00 CET (+0100), 3h in all\n"
        "  Failures:  5\n"
        "  Rule:      wrong-password\n"
        "\n"
        "Log lines behind it:\n"
        "\n"
        "  from /var/log/asterisk/full\n"
        "\n"
        "  line 0\n"
        "  line 1\n"
        "  line 2\n"
        "  line 3\n"
        "  line 4\n"
        "\n"
        "To lift the ban:\n"
        "  logban-client unban 198.51.100.7\n"
        "To see why:\n"
        "  logban-client why 198.51.100.7\n"
    )


def test_a_mail_of_a_ban_by_hand_and_for_ever() -> None:
    ban = Ban("asterisk", ADDRESS, NOW, None, origin=BanOrigin.HAND, reason="calls at night")
    text = content(letter().compose(Change(ChangeKind.BAN, ban, NOW), NOW, ""))
    assert "  Until:     for ever\n" in text
    assert "  Decided:   by hand\n" in text
    assert "  Reason:    calls at night\n" in text
    assert "Failures" not in text
    assert "Log lines" not in text


@pytest.mark.parametrize(
    ("kind", "subject", "first", "liftable"),
    [
        (ChangeKind.BAN, "banned X", "X has been banned", True),
        (ChangeKind.EXTEND, "extended the ban of X", "X stays banned for longer", True),
        (ChangeKind.LIFT, "lifted the ban of X", "X is no longer banned: the ban was", False),
        (ChangeKind.EXPIRE, "the ban of X has ended", "X is no longer banned: the ban has", False),
    ],
)
def test_each_change_has_its_words(
    kind: ChangeKind, subject: str, first: str, liftable: bool
) -> None:
    message = letter().compose(Change(kind, BAN, NOW), NOW, "")
    expected = subject.replace("X", "198.51.100.7")
    assert message["Subject"] == f"[logban] ASTERISK: {expected} on pbx.example.org"
    assert content(message).startswith(first.replace("X", "198.51.100.7"))
    assert ("logban-client unban" in content(message)) is liftable


def test_only_the_last_lines_are_shown() -> None:
    text = content(letter(lines=2).compose(CHANGE, NOW, ""))
    assert "Log lines behind it (the last 2 of 5):\n" in text
    assert "line 2" not in text
    assert "  line 3\n  line 4\n" in text
    assert "Log lines" not in content(letter(lines=0).compose(CHANGE, NOW, ""))


def test_only_what_is_to_be_told_is_told() -> None:
    kept = Kept()
    notifier = email(kept, tell=frozenset({ChangeKind.LIFT, ChangeKind.EXPIRE}))
    for kind in ChangeKind:
        notifier.notify(Change(kind, BAN, NOW))
    assert [message["X-Logban-Event"] for message in kept.messages] == ["lift", "expire"]


@pytest.mark.parametrize(
    ("user", "quoted"),
    [
        ("6003", "6003"),
        ("a b; reboot", "'a b; reboot'"),
        ("$(id)", "'$(id)'"),
        ("-rf", "-- -rf"),
        ("it's", "'it'\"'\"'s'"),
        ("a\nreboot", "'a\\nreboot'"),
    ],
)
def test_what_is_shown_to_be_copied_is_safe_in_a_shell(user: str, quoted: str) -> None:
    ban = replace(BAN, subject=Subject(SubjectKind.USER, "", user))
    text = content(letter().compose(Change(ChangeKind.BAN, ban, NOW), NOW, ""))
    assert f"  logban-client unban {quoted}\n" in text


def test_a_host_name_that_is_none_spoils_nothing() -> None:
    message = letter(hostname="bücher x>\n").compose(CHANGE, NOW, "")
    assert re.fullmatch(r"<[^@\s]+@b-cher-x>", message["Message-ID"])
    assert letter(hostname="ü").compose(CHANGE, NOW, "")["Message-ID"].endswith("@localhost>")


def test_times_are_the_hosts_without_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Mexico_City")
    time.tzset()
    try:
        text = content(letter(zone=None).compose(CHANGE, NOW, ""))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "  Since:     2026-11-20 04:00:00 CST (-0600)\n" in text


def test_an_own_template_and_subject() -> None:
    own = letter(
        subject=TEXT.from_string("{{ event }} {{ user }}\n"), body=TEXT.from_string("{{ ip }}")
    )
    ban = replace(BAN, subject=Subject(SubjectKind.USER_IP, "192.0.2.1", "6003"))
    message = own.compose(Change(ChangeKind.BAN, ban, NOW), NOW, "")
    assert message["Subject"] == "ban 6003"
    assert content(message) == "192.0.2.1\n"


def test_a_template_that_cannot_be_filled_in_is_an_action_error() -> None:
    notifier = Email(letter(body=TEXT.from_string("{{ 1 / (failures - 5) }}")), Kept(), FakeClock())
    with pytest.raises(ActionError, match="mail: the template cannot be filled in: division"):
        notifier.notify(CHANGE)


# What the log, the peer and the whois server write; line ends and header-like text included.
hostile = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "x\r\nBcc: victim@test\r\n\r\nbody",
        "\n.\n",
        ".",
        "\r\n.\r\nMAIL FROM:<x>",
        "From here",
        "=?utf-8?q?x=0ABcc:_y?=",
        "=??Q?=0D=0ABcc:_y?=",
        "==??q?=00?=",
        "--===",
        "\x1b]0;x\x07",
        "é" * 50,
        "x" * 3000,
        "\ud800",
        "=0A=0D",
        "a" * 76 + " ",
    ]
)


@given(user=hostile, line=hostile, reason=hostile, whois=hostile, name=hostile)
@settings(max_examples=300, deadline=None)
def test_no_hostile_text_adds_a_header_or_ends_the_body(
    user: str, line: str, reason: str, whois: str, name: str
) -> None:
    """The mail has its headers, its last line is the last, and all of it can be shown."""
    evidence = (Evidence(NOW, "rule", line, "/var/log/x"),)
    subject = Subject(SubjectKind.USER_IP, "192.0.2.1", user)
    ban = Ban(name, subject, NOW, None, 1, "rule", evidence, BanOrigin.HAND, reason)
    own = letter(
        name=name,
        body=TEXT.from_string(
            "{{ who }}\n{{ lines[0] }}\n{{ reason }}\n"
            "{% for w in whois %}{{ w }}\n{% endfor %}end of it\n"
        ),
    )
    data = bytes(own.compose(Change(ChangeKind.BAN, ban, NOW), NOW, whois))
    assert data.isascii()
    assert b"\r" not in data
    assert b"\0" not in data
    assert max(map(len, data.split(b"\n"))) <= 78
    message = read(data)
    assert message.keys() == HEADERS
    assert message["To"] == "micorreo@algunmail.test, otrocorreo@algunmail.test"
    assert not message.is_multipart()
    for header in message.values():
        assert str(header).isprintable()
    *lines, last = content(message).rstrip("\n").split("\n")
    assert last == "end of it"
    assert len(lines) == 3 + (len(whois.split("\n")) if whois else 0)
    assert all(one.isprintable() and len(one) <= 1000 for one in lines)


# --- whois


def test_whois_is_asked_for_a_ban_and_shown() -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    asked.append(connection.recv(100))
                    connection.sendall(b"netname: TEST-NET-2\r\nremarks: \x1b[2J\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        whois = Whois(FakeClock(), server=Endpoint("127.0.0.1", listener.getsockname()[1]))
        kept = Kept()
        notifier = email(kept, whois=whois, tell=frozenset(ChangeKind))
        network = replace(BAN, subject=Subject(SubjectKind.NET, "2001:db8:66::/64"))
        user = replace(BAN, subject=Subject(SubjectKind.USER, "", "6003"))
        notifier.notify(CHANGE)
        notifier.notify(Change(ChangeKind.BAN, network, NOW))
        notifier.notify(Change(ChangeKind.BAN, user, NOW))
        notifier.notify(Change(ChangeKind.LIFT, BAN, NOW))
        thread.join()
    assert asked == [b"198.51.100.7\r\n", b"2001:db8:66::\r\n"]
    first, _, of_user, of_lift = map(content, kept.messages)
    assert first.endswith("Whose address it is:\n\n  netname: TEST-NET-2\n  remarks: \\x1b[2J\n")
    assert "Whose" not in of_user
    assert "Whose" not in of_lift


# --- SMTP


def test_one_message_reaches_all_recipients(serve) -> None:
    server = serve()
    email(smtp(server.endpoint)).notify(CHANGE)
    told = server.told()
    assert told["sender"] == "fail2ban@example.org"
    assert told["recipients"] == ["micorreo@algunmail.test", "otrocorreo@algunmail.test"]
    assert told["host"] == "pbx.example.org"
    assert not told["tls"]
    data = base64.b64decode(told["data"])
    assert data.count(b"\n") == data.count(b"\r\n")
    message = read(data)
    assert message.keys() == HEADERS
    assert "  line 4\r\n" in content(message) or "  line 4\n" in content(message)
    assert server.end() == []


def test_a_line_of_a_dot_does_not_end_the_message(serve) -> None:
    server = serve()
    notifier = Email(
        letter(body=TEXT.from_string(".\n..\n.\nQUIT\n")), smtp(server.endpoint), FakeClock()
    )
    notifier.notify(CHANGE)
    assert content(read(base64.b64decode(server.told()["data"]))).split() == [
        ".",
        "..",
        ".",
        "QUIT",
    ]


def test_a_sender_without_a_domain_gets_the_hosts(serve) -> None:
    server = serve()
    notifier = Email(letter(sender="logban"), smtp(server.endpoint), FakeClock())
    notifier.notify(CHANGE)
    assert server.told()["sender"] == "logban@pbx.example.org"


def test_a_refused_recipient_is_named_and_the_others_get_it(serve, caplog) -> None:
    """Nothing is raised: a second attempt would tell the others twice."""
    server = serve("--refuse", "otrocorreo@algunmail.test")
    with caplog.at_level(logging.WARNING, "logban"):
        email(smtp(server.endpoint)).notify(CHANGE)
    assert server.told()["recipients"] == ["micorreo@algunmail.test"]
    (warning,) = caplog.messages
    assert warning == (
        "mail of 198.51.100.7 in jail asterisk: otrocorreo@algunmail.test was refused "
        r"(550 5.1.1 no such \x1b[2J person); the others got it"
    )


def test_everybody_refused_is_an_error_that_says_who_said_what(serve) -> None:
    server = serve("--refuse", "otrocorreo@algunmail.test", "--refuse", "micorreo@algunmail.test")
    with pytest.raises(
        ActionError, match=r"refused every recipient: micorreo@.* 5\.1\.1"
    ) as caught:
        email(smtp(server.endpoint)).notify(CHANGE)
    assert str(caught.value).isprintable()
    assert server.end() == []


def test_a_refused_sender_is_an_error(serve) -> None:
    server = serve("--refuse", "fail2ban@example.org")
    with pytest.raises(ActionError, match=r"refused the sender fail2ban@example.org: 550 5.7.1"):
        email(smtp(server.endpoint)).notify(CHANGE)


def test_a_message_refused_for_good_is_an_error_once(serve) -> None:
    """A line that looks like spam does not keep back the mails behind it."""
    server = serve("--reject")
    notifier = email(smtp(server.endpoint))
    with pytest.raises(NotAgain, match=r"refused the mail: 554 5.6.0 not today; it is not sent a"):
        notifier.notify(CHANGE)
    server.told()
    notifier.notify(CHANGE)
    assert server.end() == []


def test_a_server_that_takes_the_mail_and_hangs_leaves_doubt(serve) -> None:
    """It is said once; and the change is not told again, because it may have been."""
    server = serve("--hang")
    for seconds in (0.7, 3.0, 12.0, 48.0):  # a busy machine wants more, to come so far
        notifier = email(smtp(server.endpoint, timeout=seconds))
        try:
            notifier.notify(CHANGE)
        except NotAgain as error:
            assert "did not say whether it took the mail; it is not sent again" in str(error)  # noqa: PT017  # it is not the only one that may come
            break
        except ActionError as error:
            assert "did not answer within" in str(error)  # noqa: PT017  # as above
    else:
        pytest.fail("the server never had the whole mail")
    server.told()
    notifier.notify(CHANGE)
    assert server.end() == []


def test_the_memory_of_doubts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Doubtful:
        def deliver(self, _sender, _recipients, _message) -> Mapping[str, str]:
            raise NotAgain("perhaps")

    notifier = email(Doubtful())
    monkeypatch.setattr("logban.actions.mail.action._REMEMBERED", 16)
    for number in range(20):
        with pytest.raises(NotAgain):
            notifier.notify(Change(ChangeKind.BAN, replace(BAN, time=NOW + number), NOW))
    assert len(notifier._ended) == 16


def test_a_dead_port_is_an_error() -> None:
    endpoint = Endpoint("127.0.0.1", free_port())
    with pytest.raises(ActionError, match=f"{endpoint} cannot be reached: Connection refused"):
        email(smtp(endpoint)).notify(CHANGE)


def talking(talk: Callable[[socket.socket], None]) -> tuple[socket.socket, threading.Thread]:
    """Serve one connection in whatever way."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve_one() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):  # the client has gone, as it should
            talk(connection)

    thread = threading.Thread(target=serve_one)
    thread.start()
    return listener, thread


def trickle(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"2")
        time.sleep(0.05)


def go_on(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-welcome\r\n" * 1000)


def wait(connection: socket.socket) -> None:
    while connection.recv(100):
        pass


@pytest.mark.parametrize(
    ("talk", "tls", "message"),
    [
        (trickle, Tls.NONE, "did not answer within"),
        (go_on, Tls.NONE, "a reply of more than 65536 bytes"),
        (wait, Tls.NONE, "did not answer within"),
        (wait, Tls.TLS, "did not answer within"),
        (lambda connection: connection.sendall(b"554 go \x1b away\r\n"), Tls.NONE, "refused the"),
        (lambda _: None, Tls.NONE, "broke off"),
        (lambda connection: connection.sendall(b"HTTP/1.1 400\r\n"), Tls.NONE, "refused the conn"),
        (lambda connection: connection.sendall(b"220 no TLS here\r\n"), Tls.TLS, "broke off"),
    ],
)
def test_servers_that_do_not_speak_as_they_should(talk, tls: Tls, message: str) -> None:
    """Each has its sentence, and so much time in all: a byte now and then buys no more."""
    listener, thread = talking(talk)
    with listener:
        endpoint = Endpoint("127.0.0.1", listener.getsockname()[1])
        seconds = 0.5 if message == "did not answer within" else LIMIT
        with pytest.raises(ActionError, match=message) as caught:
            email(smtp(endpoint, tls=tls, timeout=seconds, verify=False)).notify(CHANGE)
        assert str(caught.value).isprintable()
        thread.join()


def scripted(*replies: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        for reply in replies:
            connection.sendall(reply)
            connection.recv(1000)

    return talk


@pytest.mark.parametrize(
    ("replies", "options", "message"),
    [
        ((b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 later\r\n"), {}, "STARTTLS: 454 later"),
        (
            (b"220 x\r\n", *[b"250 x\r\n"] * 4, b"354 x\r\n", b"2"),
            {"timeout": 0.7},
            "did not say whether it took the mail",
        ),
        (
            (b"220 x\r\n", *[b"250 x\r\n"] * 4, b"354 x\r\n", b"451 later\r\n"),
            {},
            "refused the mail: 451 later$",
        ),
        ((b"220 x\r\n", b"500 x\r\n", b"500 y\r\n"), {}, "refused to go on: 500 y"),
    ],
)
def test_refusals_on_the_way(replies, options, message: str) -> None:
    listener, thread = talking(scripted(*replies))
    with listener:
        endpoint = Endpoint("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(ActionError, match=message):
            email(smtp(endpoint, **options)).notify(CHANGE)
        thread.join()


# --- TLS and login


def test_starttls_and_a_login(serve, certificate, password: Path) -> None:
    cert, key = map(str, certificate)
    server = serve(
        "--cert", cert, "--key", key, "--require-starttls", "--login", f"logban:{SECRET}"
    )
    delivery = smtp(
        server.endpoint, tls=Tls.STARTTLS, ca=certificate[0], user="logban", password_file=password
    )
    email(delivery).notify(CHANGE)
    told = server.told()
    assert told["tls"]
    assert told["login"]
    assert len(told["recipients"]) == 2


def test_tls_from_the_first_byte(serve, certificate) -> None:
    cert, key = map(str, certificate)
    server = serve("--cert", cert, "--key", key, "--at-once")
    email(smtp(server.endpoint, tls=Tls.TLS, ca=certificate[0])).notify(CHANGE)
    assert server.told()["tls"]


@pytest.mark.parametrize(("tls", "option"), [(Tls.TLS, "--at-once"), (Tls.STARTTLS, None)])
def test_a_server_that_is_not_trusted_gets_no_mail_unless_told(
    serve, certificate, tls: Tls, option: str | None
) -> None:
    cert, key = map(str, certificate)
    server = serve("--cert", cert, "--key", key, *([option] if option else []))
    with pytest.raises(ActionError, match=r"is not trusted .self-signed.* or give tls_verify = no"):
        email(smtp(server.endpoint, tls=tls)).notify(CHANGE)
    email(smtp(server.endpoint, tls=tls, verify=False)).notify(CHANGE)
    assert server.told()["tls"]
    assert server.end() == []


def test_auto_takes_the_tls_that_is_offered_whoever_signed_it(serve, certificate) -> None:
    cert, key = map(str, certificate)
    server = serve("--cert", cert, "--key", key)
    email(smtp(server.endpoint)).notify(CHANGE)
    assert server.told()["tls"]
    email(smtp(server.endpoint, tls=Tls.NONE)).notify(CHANGE)
    assert not server.told()["tls"]


def test_starttls_that_is_not_offered_is_an_error(serve) -> None:
    server = serve()
    with pytest.raises(ActionError, match="does not offer STARTTLS"):
        email(smtp(server.endpoint, tls=Tls.STARTTLS)).notify(CHANGE)
    assert server.end() == []


def test_certificates_that_cannot_be_read_are_an_error(serve, certificate, tmp_path) -> None:
    cert, key = map(str, certificate)
    server = serve("--cert", cert, "--key", key, "--at-once")
    with pytest.raises(ActionError, match="no certificates can be read from /nonexistent/ca"):
        email(smtp(server.endpoint, tls=Tls.TLS, ca=Path("/nonexistent/ca"))).notify(CHANGE)


def test_a_wrong_password_is_an_error_that_does_not_say_it(serve, password: Path) -> None:
    """Not even where the server says it back."""
    server = serve("--login", "logban:another")
    with pytest.raises(ActionError) as caught:
        email(smtp(server.endpoint, user="logban", password_file=password)).notify(CHANGE)
    assert str(caught.value) == f"mail: {server.endpoint} refused the login of logban (535)"
    assert caught.value.__suppress_context__


def test_a_challenge_that_makes_no_sense_is_an_error(password: Path) -> None:
    talk = scripted(b"220 x\r\n", b"250-x\r\n250 AUTH CRAM-MD5\r\n", b"334 abc\r\n", b"334 abc\r\n")
    listener, thread = talking(talk)
    with listener:
        endpoint = Endpoint("127.0.0.1", listener.getsockname()[1])
        sender = email(smtp(endpoint, user="logban", password_file=password))
        with pytest.raises(ActionError, match="in a way that can't be understood"):
            sender.notify(CHANGE)
        thread.join()


def test_a_user_that_no_server_knows_is_an_error(serve, password: Path) -> None:
    server = serve("--login", "logban:secret")
    with pytest.raises(ActionError, match=r"the user ü\\x1b is not plain ASCII"):
        email(smtp(server.endpoint, user="ü\x1b", password_file=password)).notify(CHANGE)


def test_a_login_that_is_not_offered_is_an_error(password: Path) -> None:
    listener, thread = talking(scripted(b"220 x\r\n", b"250 x\r\n"))
    with listener:
        endpoint = Endpoint("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(ActionError, match="offers no login"):
            email(smtp(endpoint, user="logban", password_file=password)).notify(CHANGE)
        thread.join()


def test_a_password_does_not_leave_the_host_in_clear(serve, password: Path, monkeypatch) -> None:
    server = serve("--login", f"logban:{SECRET}")
    delivery = smtp(server.endpoint, user="logban", password_file=password)
    email(delivery).notify(CHANGE)
    assert server.told()["login"]
    monkeypatch.setattr(Endpoint, "is_loopback", False)
    with pytest.raises(ActionError, match="offers no TLS, and the password is not sent in clear"):
        email(delivery).notify(CHANGE)


def test_a_password_goes_only_to_whom_can_prove_it(
    serve, certificate, password: Path, monkeypatch
) -> None:
    """With tls = auto too, where a mail alone goes to anybody."""
    monkeypatch.setattr(Endpoint, "is_loopback", False)
    cert, key = map(str, certificate)
    server = serve("--cert", cert, "--key", key, "--login", f"logban:{SECRET}")
    delivery = smtp(server.endpoint, user="logban", password_file=password)
    with pytest.raises(ActionError, match="is not trusted"):
        email(delivery).notify(CHANGE)
    email(replace(delivery, ca=certificate[0])).notify(CHANGE)
    assert server.told()["login"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.chmod(0o644), "can be used by others than its owner; do: chmod 600"),
        (lambda path: path.unlink(), "no password: .*No such file"),
        (lambda path: path.write_text("geheim-ü8kQ"), "is not plain ASCII"),
    ],
)
def test_a_password_file_is_looked_at_each_time(serve, password: Path, make, message) -> None:
    server = serve("--login", f"logban:{SECRET}")
    make(password)
    with pytest.raises(ActionError, match=message) as caught:
        email(smtp(server.endpoint, user="logban", password_file=password)).notify(CHANGE)
    assert "geheim" not in str(caught.value)


def test_without_a_password_the_login_is_tried_with_none(serve) -> None:
    server = serve("--login", "logban:x")
    with pytest.raises(ActionError, match="refused the login of logban"):
        email(smtp(server.endpoint, user="logban")).notify(CHANGE)


# --- the sendmail program


def test_the_sendmail_program_gets_the_recipients_and_the_message(
    sendmail: Path, tmp_path: Path
) -> None:
    email(Sendmail(sendmail, 20.0)).notify(CHANGE)
    assert (tmp_path / "arguments").read_text().split("\n") == [
        "-oi",
        "-f",
        "fail2ban@example.org",
        "micorreo@algunmail.test",
        "otrocorreo@algunmail.test",
        "",
    ]
    data = (tmp_path / "message").read_bytes()
    assert b"\r" not in data
    assert read(data).keys() == HEADERS


def test_a_sendmail_program_that_fails_says_why(sendmail: Path) -> None:
    sendmail.write_text("#!/bin/sh\nprintf 'queue \\033full\\n' >&2\nexit 75\n")
    with pytest.raises(ActionError, match=r"sendmail failed with 75: queue \\x1bfull$") as caught:
        email(Sendmail(sendmail, 20.0)).notify(CHANGE)
    assert not isinstance(caught.value, NotAgain)


def test_a_sendmail_program_that_hangs_leaves_doubt(sendmail: Path, tmp_path: Path) -> None:
    sendmail.write_text(f"#!/bin/sh\necho x >> {tmp_path}/runs\nsleep 60\n")
    notifier = email(Sendmail(sendmail, 0.5))
    with pytest.raises(NotAgain, match="did not end within"):
        notifier.notify(CHANGE)
    notifier.notify(CHANGE)
    assert (tmp_path / "runs").read_text() == "x\n"


def test_a_sendmail_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ActionError, match="/nonexistent/sendmail cannot be run: No such file"):
        email(Sendmail(Path("/nonexistent/sendmail"), 5.0)).notify(CHANGE)


def test_the_sendmail_program_is_taken_where_there_is_one(
    serve, sendmail: Path, tmp_path: Path
) -> None:
    """Looked for when a mail is sent, so it may be installed later."""
    server = serve()
    notifier = email(Either(Sendmail(sendmail, 20.0), smtp(server.endpoint)))
    notifier.notify(CHANGE)
    assert (tmp_path / "message").exists()
    sendmail.unlink()
    notifier.notify(CHANGE)
    assert len(server.told()["recipients"]) == 2
    assert server.end() == []


# --- from a jail's words


def spec(**written: str) -> ActionSpec:
    values = {
        parameter.name: parameter.parse(written[parameter.name])
        if parameter.name in written
        else parameter.default
        for parameter in EMAIL.parameters
    }
    return ActionSpec("asterisk-iptables", "sendmail-whois", "email", values)


def test_the_mail_of_the_jail_that_people_copy(sendmail: Path, tmp_path: Path) -> None:
    """name, dest with ``;`` and sender, as they stand in a hundred howtos."""
    jail = spec(
        name="ASTERISK",
        dest="micorreo@algunmail.com;otrocorreo@algunmail.com",
        sender="fail2ban@example.org",
        sendmail=str(sendmail),
    )
    build(jail, FakeClock()).notify(CHANGE)
    message = read((tmp_path / "message").read_bytes())
    host = socket.gethostname()
    assert message["Subject"] == f"[logban] ASTERISK: banned 198.51.100.7 on {host}"
    assert message["To"] == "micorreo@algunmail.com, otrocorreo@algunmail.com"
    assert (tmp_path / "arguments").read_text().split("\n")[2:5] == [
        "fail2ban@example.org",
        "micorreo@algunmail.com",
        "otrocorreo@algunmail.com",
    ]


def test_what_holds_where_the_jail_says_nothing(sendmail: Path, tmp_path: Path) -> None:
    build(spec(sendmail=str(sendmail)), FakeClock()).notify(CHANGE)
    message = read((tmp_path / "message").read_bytes())
    assert message["Subject"].startswith("[logban] asterisk-iptables: banned")
    assert message["From"] == "logban <logban>"
    assert message["To"] == "root"


def test_the_hosts_name_in_addresses(sendmail: Path, tmp_path: Path) -> None:
    jail = spec(sender="root@<fq-hostname>", dest="ops@<fq-hostname>", sendmail=str(sendmail))
    build(jail, FakeClock()).notify(CHANGE)
    host = socket.gethostname()
    assert (tmp_path / "arguments").read_text().split("\n")[2:4] == [f"root@{host}", f"ops@{host}"]


def test_own_texts_and_a_whois_server(sendmail: Path, tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.write_text("{{ whois | join }}\n")
    port = free_port()
    jail = spec(
        subject="{{ who }}",
        template=str(template),
        whois="yes",
        whois_server=f"127.0.0.1:{port}",
        sendmail=str(sendmail),
        mta="sendmail",
    )
    build(jail, FakeClock()).notify(CHANGE)
    message = read((tmp_path / "message").read_bytes())
    assert message["Subject"] == "198.51.100.7"
    assert content(message) == f"whois: 127.0.0.1:{port}: Connection refused\n"


def test_how_it_is_sent(serve, sendmail: Path, tmp_path: Path, password: Path) -> None:
    """`smtp` is taken where it is given, though there is a sendmail program."""
    server = serve("--login", f"logban:{SECRET}")
    jail = spec(
        smtp=str(server.endpoint),
        sendmail=str(sendmail),
        user="logban",
        password_file=str(password),
        tls="none",
    )
    build(jail, FakeClock()).notify(CHANGE)
    assert server.told()["login"]
    assert not (tmp_path / "message").exists()


def test_mta_smtp_without_a_server_is_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    places = []

    def refuse(host, port, within):
        places.append((host, port))
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("logban.actions.mail.delivery.connected", refuse)
    with pytest.raises(ActionError, match="localhost:25 cannot be reached"):
        build(spec(mta="smtp"), FakeClock()).notify(CHANGE)
    for tls in ("tls", "starttls", "none"):
        with pytest.raises(ActionError):
            build(spec(smtp="mail.test", tls=tls), FakeClock()).notify(CHANGE)
    assert places == [("localhost", 25), *(("mail.test", port) for port in (465, 587, 25))]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"user": "logban"}, "`smtp` names none"),
        ({"user": "logban", "smtp": "mail.test"}, "needs a `password_file`"),
        ({"user": "lögban", "smtp": "mail.test", "password_file": ""}, "not plain ASCII"),
        (
            {"user": "logban", "smtp": "mail.test", "password_file": "", "tls": "none"},
            "the password would go to mail.test in clear",
        ),
    ],
)
def test_words_that_contradict_each_other(written: dict[str, str], message: str, password) -> None:
    if "password_file" in written:
        written = {**written, "password_file": str(password)}
    with pytest.raises(ParameterError, match=message):
        catalogue.parse("asterisk", "email", written)


def test_no_descriptor_is_left_open(serve) -> None:
    server = serve("--refuse", "fail2ban@example.org")
    for _ in range(3):
        with pytest.raises(ActionError):
            email(smtp(server.endpoint)).notify(CHANGE)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ActionError):
        email(smtp(server.endpoint)).notify(CHANGE)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_digest_lists_every_change_and_nothing_hostile_reaches_it() -> None:
    kept = Kept()
    notifier = email(kept, tell=frozenset(ChangeKind))
    who = [Subject(SubjectKind.IP, f"10.0.{number >> 8}.{number & 255}") for number in range(700)]
    changes = [Change(ChangeKind.BAN, replace(BAN, subject=each), NOW) for each in who]
    evil = Subject(SubjectKind.USER, user="6003\r\nBcc: all@example.org\x1b[2J\u202e")
    changes.append(Change(ChangeKind.LIFT, replace(BAN, subject=evil, until=None), NOW + 60))
    notifier.digest(changes, 3)
    (message,) = kept.messages
    assert message["Subject"] == "[logban] ASTERISK: 700 banned, 1 bans lifted on pbx.example.org"
    assert message["X-Logban-Event"] == "digest"
    assert message["Bcc"] is None
    text = content(message)
    lines = text.splitlines()
    assert sum(str(each) in line.split() for each in who for line in lines) == 700
    assert (
        "2026-11-20 11:00:00  banned 10.0.0.0  until 2026-11-20 14:00:00  "
        "(5 failures, wrong-password)"
    ) in lines
    assert any("Bcc: all@example.org\\x1b[2J\\u202e" in line for line in lines)
    assert "\x1b" not in text
    assert "3 more before these could not be kept." in lines


def test_a_digest_that_may_have_arrived_is_not_sent_again() -> None:
    class Doubtful(Kept):
        def deliver(self, sender, recipients, message: bytes) -> Mapping[str, str]:
            super().deliver(sender, recipients, message)
            raise NotAgain("perhaps")

    kept = Doubtful()
    notifier = email(kept)
    changes = [Change(ChangeKind.BAN, replace(BAN, time=NOW + each), NOW) for each in range(9)]
    with pytest.raises(NotAgain):
        notifier.digest(changes, 0)
    notifier.digest(changes, 0)
    notifier.notify(changes[3])
    assert len(kept.messages) == 1


def test_how_a_jail_says_when_mails_are_gathered() -> None:
    for written, pace in (
        ({}, Pace(5, 600.0)),
        ({"burst": "0", "digest": "1h"}, Pace(0, 3600.0)),
        ({"digest": "never"}, None),
    ):
        made = build(catalogue.parse("pbx", "email", written), FakeClock())
        assert isinstance(made, Digesting)
        assert made.pace == pace
    with pytest.raises(ParameterError, match="10 seconds to a day, or never"):
        catalogue.parse("pbx", "email", {"digest": "1s"})
