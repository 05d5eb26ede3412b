# SPDX-License-Identifier: MIT
"""Tests of the file with the login at Asterisk's manager interface."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logban.config import load
from logban.config.server.manager_login import ManagerLogin, login_file, read_login

GOOD = "[ami]\nhost = 192.0.2.1\nport = 5039\nuser = logban\nsecret = a%b:c=d ;e\n"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_login_is_read_and_its_secret_never_shown(tmp_path: Path) -> None:
    login = read_login(written(tmp_path / "ami.conf", GOOD.replace(" ;e", "")))
    assert login == ManagerLogin("192.0.2.1", 5039, "logban", "a%b:c=d")
    assert "a%b" not in repr(login)


def test_without_a_place_it_is_this_host(tmp_path: Path) -> None:
    login = read_login(written(tmp_path / "ami.conf", "[ami]\nuser = u\nsecret = s\n"))
    assert (login.host, login.port) == ("127.0.0.1", 5038)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ami]\nuser = u\n", "ami.conf:1: [ami] has no secret"),
        ("[ami]\nsecret = s\n", "ami.conf:1: [ami] has no user"),
        ("[asterisk]\nuser = u\n", "ami.conf has no section [ami]"),
        ("[ami]\nuser = u\nsecrt = s\n", "ami.conf:3: unknown key 'secrt'; did you mean 'secret'?"),
        ("[ami]\nuser = u\nsecret = s\nport = 0\n", "ami.conf:4: port: it is too small; allowed"),
        ("[ami]\nuser = u\nsecret = s\n and more\n", "ami.conf:3: secret is to stand in one line"),
        ("[ami]\nuser\n", "ami.conf:2: this is no `key = value`"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "ami.conf", text)
    with pytest.raises(ValueError, match=r"ami\.conf") as caught:
        login_file(str(path))
    assert said in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "ami.conf", GOOD, mode)
    with pytest.raises(ValueError, match=f"do: chmod 600 {path}"):
        login_file(str(path))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        login_file(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="Is a directory"):
        login_file(str(tmp_path))
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ValueError, match="is no file"):
        login_file(str(tmp_path / "pipe"))
    with pytest.raises(ValueError, match="an absolute path"):
        login_file("ami.conf")
    assert login_file("") is None


def test_check_tells_of_it_and_of_a_jail_that_nobody_answers(tmp_path: Path) -> None:
    for folder in ("jails.d", "filters.d"):
        (tmp_path / folder).mkdir()
    (tmp_path / "filters.d" / "f.conf").write_text("[Definition]\nfailregex = ^a <HOST>$\n")
    (tmp_path / "jails.d" / "pbx.conf").write_text(
        "[pbx]\nenabled = yes\nfilter = f\njudging = full\nlogpath = /l\nextensions = 7XX, AMI\n"
    )
    found = load(tmp_path)
    scrutiny = found.jails["pbx"].scrutiny
    assert scrutiny is not None
    assert scrutiny.asks_for_extensions
    assert scrutiny.plan is not None
    assert scrutiny.plan.has("712")
    assert not scrutiny.plan.has("ami")
    (problem,) = found.warnings
    assert str(problem) == (
        "jails.d/pbx.conf:1: the jail 'pbx' goes by the extensions of Asterisk; logban.conf has "
        "to say where they are asked for: ami = /etc/logban/ami.conf"
    )
    path = written(tmp_path / "ami.conf", GOOD)
    (tmp_path / "logban.conf").write_text(f"[server]\nami = {path}\nami_every = 1m\n")
    found = load(tmp_path)
    assert found.problems() == ()
    assert (found.server.ami, found.server.ami_every) == (path, 60.0)
    path.chmod(0o644)
    assert "chmod 600" in str(load(tmp_path).errors[0])
