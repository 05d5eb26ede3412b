# SPDX-License-Identifier: MIT
"""What a jail's words make of its mails."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec, ParameterError
from logban.actions.mail.action import build
from logban.actions.pacing import Pace
from logban.actions.protocols import Digesting
from logban.actions.types_message import EMAIL
from logban.errors import ActionError
from logban.testing.clock import FakeClock
from logban.testing.mails import (
    CHANGE,
    SECRET,
    content,
    read,
)
from logban.testing.ports import free_port


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
