# SPDX-License-Identifier: MIT
"""What a mail says, of one change and of many."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logban.actions.mail.action import Email
from logban.actions.mail.delivery import NotAgain
from logban.actions.mail.server import Endpoint
from logban.actions.mail.whois import Whois
from logban.actions.protocols import Notifier
from logban.actions.templates import TEXT
from logban.errors import ActionError
from logban.model import Ban, BanOrigin, Change, ChangeKind, Evidence, Subject, SubjectKind
from logban.testing.clock import FakeClock
from logban.testing.mails import (
    ADDRESS,
    BAN,
    CHANGE,
    HEADERS,
    NOW,
    Kept,
    content,
    email,
    letter,
    read,
)


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
