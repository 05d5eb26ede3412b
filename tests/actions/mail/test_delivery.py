# SPDX-License-Identifier: MIT
"""How mails leave the host by SMTP, with TLS and a login, to a real server."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from logban.actions.mail.action import Email
from logban.actions.mail.delivery import NotAgain
from logban.actions.mail.server import Endpoint, Tls
from logban.actions.templates import TEXT
from logban.errors import ActionError
from logban.testing.clock import FakeClock
from logban.testing.mails import (
    CHANGE,
    HEADERS,
    SECRET,
    content,
    email,
    letter,
    read,
    smtp,
)
from logban.testing.ports import free_port
from logban.testing.waiting import LIMIT


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


def test_no_descriptor_is_left_open(serve) -> None:
    server = serve("--refuse", "fail2ban@example.org")
    for _ in range(3):
        with pytest.raises(ActionError):
            email(smtp(server.endpoint)).notify(CHANGE)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ActionError):
        email(smtp(server.endpoint)).notify(CHANGE)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
