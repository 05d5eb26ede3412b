# SPDX-License-Identifier: MIT
"""Tests of :mod:`logban.actions.types_message`: what a jail file can say to these actions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logban.actions.declaration import ActionSpec, ActionType
from logban.actions.mail.server import Endpoint, Mta, TemplateFile, Tls
from logban.actions.types_message import COMMAND, EMAIL
from logban.model import ChangeKind


def parse(kind: ActionType, name: str, text: str) -> object:
    (parameter,) = (one for one in kind.parameters if one.name == name)
    return parameter.parse(text)


def email(name: str, text: str) -> object:
    return parse(EMAIL, name, text)


def spec(parameters: Mapping[str, object]) -> ActionSpec:
    return ActionSpec("asterisk", "email", "email", parameters)


def test_reading_the_words_reads_nothing_else() -> None:
    """Whoever only reads the configuration does not pay for templates, mail and TLS."""
    heavy = "jinja2 smtplib email.message logban.actions.mail.action logban.actions.command.action"
    program = (
        "import sys, logban.actions.types_message; "
        f"print(*[name for name in {heavy!r}.split() if name in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, check=True)
    assert done.stdout == b"\n"


@pytest.mark.parametrize("kind", [EMAIL, COMMAND])
def test_each_parameter_is_there_once_and_documented(kind: ActionType) -> None:
    names = [parameter.name for parameter in kind.parameters]
    assert len(names) == len(set(names))
    assert all(parameter.doc for parameter in kind.parameters)
    assert all(set(brought) <= set(names) for brought in kind.aliases.values())


def test_fail2bans_names_say_whether_whois_is_asked() -> None:
    assert {name: brought["whois"] for name, brought in EMAIL.aliases.items()} == {
        "sendmail": "no",
        "sendmail-whois": "yes",
        "sendmail-whois-lines": "yes",
        "sendmail-whois-matches": "yes",
        "sendmail-whois-ipmatches": "yes",
        "sendmail-whois-ipjailmatches": "yes",
        "sendmail-geoip-lines": "no",
        "sendmail-buffered": "no",
        "mail": "no",
        "mail-whois": "yes",
        "mail-whois-lines": "yes",
        "mail-buffered": "no",
    }


@pytest.mark.parametrize(
    "name",
    [
        "logpath",
        "grepmax",
        "grepopts",
        "mailcmd",
        "actionstart",
        "actname",
        "port",
        "protocol",
        "chain",
    ],
)
def test_fail2bans_other_parameters_are_taken_with_the_reason_why_not_followed(name: str) -> None:
    (parameter,) = (one for one in EMAIL.parameters if one.name == name)
    assert parameter.ignored
    assert parameter.parse("anything\nat all") == "anything\nat all"


@pytest.mark.parametrize(
    "text",
    ["a@x.test;b@y.test", "a@x.test,b@y.test", "a@x.test b@y.test", " a@x.test ;\n b@y.test ,"],
)
def test_several_recipients_however_parted(text: str) -> None:
    assert email("dest", text) == ("a@x.test", "b@y.test")


@pytest.mark.parametrize(
    "text",
    [
        "root",
        "micorreo@algunmail.com",
        "fail2ban@example.org",
        "o'brien+ban=x@a-b.example",
        "root@localhost",
        "root@[192.0.2.1]",
        "root@[IPv6:2001:db8::1]",
        "root@<fq-hostname>",
        "x@xn--bcher-kva.example",
    ],
)
def test_addresses(text: str) -> None:
    assert email("dest", text) == (text,)
    assert email("sender", text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a@b@c",
        "a@",
        "@b",
        "-oQ/tmp",
        "|/bin/sh",
        "/etc/passwd",
        "a@b\x00",
        "a@b\x1b",
        "<a@b>",
        '"a"@b',
        "a@-b",
        "a@b-",
        "ä@b.test",
        "a@bücher.test",
        "a" * 65 + "@b",
        "a@" + "b" * 255,
        "a@b\u2028c",
        "a\\@b",
        "",
        " ; ",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no mail address|not plain ASCII|no address is given"):
        email("dest", text)


@pytest.mark.parametrize("text", ["a@b\r\nBcc: c@d", "a b", ""])
def test_what_is_no_sender_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no mail address"):
        email("sender", text)


@given(st.text())
def test_no_recipient_can_be_an_option_or_break_a_line(text: str) -> None:
    try:
        recipients = email("dest", text)
    except ValueError:
        return
    assert isinstance(recipients, tuple)
    for recipient in recipients:
        assert recipient[0].isalnum() or recipient[0] == "_"
        assert recipient.isascii()
        assert recipient.isprintable()
        assert not set(recipient) & set(' ;,"\\|`()<>')
        assert recipient.count("@") <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail.test", Endpoint("mail.test")),
        ("Mail.Test:587", Endpoint("mail.test", 587)),
        ("192.0.2.1:25", Endpoint("192.0.2.1", 25)),
        ("[2001:DB8::1]:465", Endpoint("2001:db8::1", 465)),
        ("[::1]", Endpoint("::1")),
    ],
)
def test_servers(text: str, expected: Endpoint) -> None:
    assert email("smtp", text) == expected
    assert email("smtp", str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":25",
        "2001:db8::1",
        "host:0",
        "host:65536",
        "host:x",
        "[fe80::x]:1",
        "a b",
        "-h",
        "a\nb",
    ],
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no"):
        email("smtp", text)


def test_which_servers_are_this_host() -> None:
    assert [
        Endpoint(host).is_loopback
        for host in ("localhost", "127.0.0.9", "::1", "mail.test", "192.0.2.1")
    ] == [True, True, True, False, False]


def test_words_of_a_choice() -> None:
    assert email("mta", " Sendmail ") is Mta.SENDMAIL
    assert email("tls", "starttls") is Tls.STARTTLS
    assert email("tell", "ban, lift;expire") == {ChangeKind.BAN, ChangeKind.LIFT, ChangeKind.EXPIRE}
    assert email("whois", "Yes") is True
    assert email("whois", "off") is False
    assert email("timeout", "1m") == 60.0
    assert email("lines", "0") == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mta", "exim", "'exim' is none of auto, sendmail, smtp"),
        ("tls", "ssl", "'ssl' is none of auto, starttls, tls, none"),
        ("tell", "banned", "'banned' is no list of ban, extend, lift, expire"),
        ("tell", "", "no list"),
        ("whois", "maybe", "neither yes nor no"),
        ("timeout", "0", "a time limit is"),
        ("timeout", "2h", "a time limit is"),
        ("timeout", "soon", "no unit of time|no span"),
        ("lines", "x", "no whole number"),
        ("lines", "1001", "a number from 0 to 1000"),
        ("lines", "-1", "a number from 0 to 1000"),
        ("sendmail", "sendmail", "no absolute path"),
        ("tls_ca", "ca.pem", "no absolute path"),
        ("sendername", "a\r\nBcc: x@y", "control characters"),
        ("name", "a\x1bb", "control characters"),
        ("subject", "a\nBcc: x@y", "control characters"),
        ("subject", "{{ sbject }}", "asks for sbject"),
        ("subject", "{{ whois.nothing.more }}", "cannot be filled in"),
        ("template", "/nonexistent/template", "cannot be read"),
        ("template", "mail.txt", "no absolute path"),
        ("password_file", "/nonexistent/password", "No such file"),
        ("password_file", "/", "is no file"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_sentence(
    name: str, text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        email(name, text)


def test_a_subject_and_a_template_are_read_at_once(tmp_path: Path) -> None:
    assert email("subject", " {{ who }} on {{ hostname }} ") == "{{ who }} on {{ hostname }}"
    path = tmp_path / "mail.txt"
    path.write_text("{{ who }}: é\n", encoding="utf-8")
    assert email("template", str(path)) == TemplateFile(path, "{{ who }}: é\n")
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="cannot be read"):
        email("template", str(path))
    path.write_text("one\n{{ whoo }}\n")
    with pytest.raises(ValueError, match=r"mail\.txt: the template asks for whoo; there are only"):
        email("template", str(path))


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o620, 0o601])
def test_a_password_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text("secret\n")
    path.chmod(0o600)
    assert email("password_file", str(path)) == path
    path.chmod(mode)
    with pytest.raises(ValueError, match="do: chmod 600") as caught:
        email("password_file", str(path))
    assert "secret" not in str(caught.value)


def test_a_command_line_is_read_at_once() -> None:
    assert parse(COMMAND, "ban", "/bin/true {{ ip }}")
    with pytest.raises(ValueError, match="asks for ipp"):
        parse(COMMAND, "ban", "/bin/true {{ ipp }}")


def test_a_value_of_another_type_than_it_was_declared_with_is_a_fault_of_ours() -> None:
    assert spec({"lines": 3}).value("lines", int) == 3
    assert spec({"user": None}).optional("user", str) is None
    assert spec({"user": "x"}).optional("user", str) == "x"
    with pytest.raises(TypeError, match="lines of email is no int"):
        spec({"lines": "3"}).value("lines", int)
