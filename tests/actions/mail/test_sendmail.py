# SPDX-License-Identifier: MIT
"""How mails leave the host by a sendmail program."""

from __future__ import annotations

from pathlib import Path

import pytest

from logban.actions.mail.delivery import Either, NotAgain, Sendmail
from logban.errors import ActionError
from logban.testing.mails import (
    CHANGE,
    HEADERS,
    email,
    read,
    smtp,
)


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
