# SPDX-License-Identifier: MIT
"""Files that others may have written are not followed, with the reason; a checkout is."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from logban.config import load
from logban.config.files import trust as trust_module
from logban.config.files.trust import Trust
from logban.config.settings import Configuration

Write = Callable[[str, str], Path]
MAN = pwd.getpwnam("man")  # users of Debian's base-passwd
NEWS = pwd.getpwnam("news")
FILTER = "[Definition]\nfailregex = ^ failed <HOST>$\n"
JAIL = "[{name}]\nenabled = yes\nfilter = f\nlogpath = /log\naction = nftables\n"


@pytest.fixture
def directory(write: Write) -> Path:
    for name in ("one", "two"):
        write(f"jails.d/{name}.conf", JAIL.format(name=name))
    write("filters.d/f.conf", FILTER)
    return write("logban.conf", "[server]\nloglevel = debug\n")


def errors(configuration: Configuration) -> list[str]:
    of_jails = (each for problems in configuration.failed.values() for each in problems)
    return [str(each) for each in (*configuration.errors, *of_jails)]


def test_what_root_alone_can_write_is_followed(directory: Path) -> None:
    configuration = load(directory)
    assert configuration.problems() == ()
    assert {"one", "two"} <= configuration.jails.keys()


def test_a_jail_that_everybody_can_write_is_not_followed_and_the_others_are(
    directory: Path,
) -> None:
    path = directory / "jails.d" / "one.conf"
    path.chmod(0o646)
    configuration = load(directory)
    assert errors(configuration) == [
        (
            "jails.d/one.conf:1: the file is not followed: everybody can write to it; "
            f"do: chmod o-w {path}"
        )
    ]
    assert "one" not in configuration.jails
    assert "two" in configuration.jails


def test_a_filter_fails_the_jails_that_use_it(directory: Path) -> None:
    (directory / "filters.d" / "f.conf").chmod(0o666)
    configuration = load(directory)
    assert configuration.failed.keys() == {"one", "two"}
    assert "filters.d/f.conf:1: the file is not followed" in errors(configuration)[0]


def test_the_daemons_own_settings_keep_their_defaults(directory: Path) -> None:
    (directory / "logban.conf").chmod(0o602)
    configuration = load(directory)
    assert configuration.server.loglevel == "INFO"
    assert "logban.conf:1: the file is not followed" in errors(configuration)[0]


def test_a_file_that_is_included_is_looked_at_as_well(directory: Path, write: Write) -> None:
    write("filters.d/f.conf", f"[INCLUDES]\nbefore = common.conf\n{FILTER}")
    write("filters.d/common.conf", "[DEFAULT]\nx = 1\n")
    assert errors(load(directory)) == []
    (directory / "filters.d" / "common.conf").chmod(0o666)
    configuration = load(directory)
    assert configuration.failed.keys() == {"one", "two"}
    assert "filters.d/common.conf:1: the file is not followed" in errors(configuration)[0]


def test_a_file_of_somebody_else_is_not_followed(directory: Path) -> None:
    path = directory / "jails.d" / "one.conf"
    os.chown(path, MAN.pw_uid, -1)
    assert errors(load(directory)) == [
        (
            "jails.d/one.conf:1: the file is not followed: it belongs to man, who is neither root "
            f"nor the owner of the configuration; do: chown root {path}"
        )
    ]
    os.chown(path, 54321, -1)
    assert "it belongs to user 54321" in errors(load(directory))[0]


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_directory_that_everybody_can_write_to_is_not_followed(
    directory: Path, mode: int
) -> None:
    folder = directory / "jails.d"
    folder.chmod(mode)
    configuration = load(directory)
    assert (
        f"everybody can write to its directory; do: chmod o-w {folder}" in errors(configuration)[0]
    )
    assert configuration.jails.keys() == {"manual"}


def test_above_it_the_sticky_bit_is_enough(directory: Path) -> None:
    above = directory / "above"
    for part in ("jails.d", "filters.d"):
        shutil.copytree(directory / part, above / "etc" / part)
    above.chmod(0o1777)
    assert errors(load(above / "etc")) == []
    above.chmod(0o777)
    assert f"do: chmod o-w {above}" in errors(load(above / "etc"))[0]


def test_a_checkout_of_a_developers_own_is_followed(directory: Path) -> None:
    """Root runs it by ``--config``; the files and the directory are the developer's."""
    for path in (directory, *directory.rglob("*")):
        os.chown(path, MAN.pw_uid, MAN.pw_gid)
        path.chmod(path.stat().st_mode | 0o020)  # umask 002, where every user has his own group
    assert load(directory).problems() == ()


def test_a_group_of_others_is_remarked(directory: Path) -> None:
    path = directory / "jails.d" / "one.conf"
    os.chown(path, -1, NEWS.pw_gid)
    path.chmod(0o664)
    (problem,) = load(directory).problems()
    assert str(problem) == (
        "jails.d/one.conf:1: the group news can write to it; if that is not meant: chmod g-w"
    )


def test_a_directory_of_somebody_else_is_not_followed(directory: Path) -> None:
    """He could put another of root's files in the place of this one: a log, which he writes."""
    folder = directory / "jails.d"
    os.chown(folder, MAN.pw_uid, -1)
    assert (
        f"its directory {folder} belongs to man, who is neither root nor the owner of the "
        f"configuration; do: chown -h root {folder}"
    ) in errors(load(directory))[0]
    # Whose house the whole configuration stands in is not for us to say.
    os.chown(folder, 0, -1)
    above = directory / "above"
    for part in ("jails.d", "filters.d"):
        shutil.copytree(directory / part, above / "etc" / part)
    os.chown(above, MAN.pw_uid, -1)
    assert errors(load(above / "etc")) == []


def test_a_directory_of_a_group_is_remarked_once(directory: Path) -> None:
    folder = directory / "jails.d"
    os.chown(folder, -1, NEWS.pw_gid)
    folder.chmod(0o775)
    (problem,) = load(directory).problems()
    assert str(problem) == (
        "jails.d/one.conf:1: the group news can write to its directory; if that is not meant: "
        f"chmod g-w {folder}"
    )


def test_every_link_on_the_way_counts(directory: Path, tmp_path: Path) -> None:
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "good" / "three.conf").write_text(JAIL.format(name="three"))
    between = tmp_path / "bad" / "three.conf"
    between.symlink_to("../good/three.conf")
    (directory / "jails.d" / "three.conf").symlink_to(between)
    assert "three" in load(directory).jails
    (tmp_path / "bad").chmod(0o777)
    assert f"do: chmod o-w {tmp_path}/bad" in errors(load(directory))[0]
    (tmp_path / "bad").chmod(0o755)
    os.chown(between, MAN.pw_uid, -1, follow_symlinks=False)
    assert f"the link {between} belongs to man" in errors(load(directory))[0]


def test_an_action_that_everybody_can_write_is_not_run(directory: Path, write: Write) -> None:
    """A shell would run it."""
    write("actions.d/mine.conf", "[Definition]\nactionban = /bin/true <ip>\n")
    jail = JAIL.format(name="three").replace("nftables", "mine")
    write("jails.d/three.conf", jail)
    path = directory / "actions.d" / "mine.conf"
    assert "three" in load(directory).jails
    path.chmod(0o666)
    (problem,) = errors(load(directory))
    assert "jails.d/three.conf:5: action 'mine': " in problem
    assert f"the file is not followed: everybody can write to it; do: chmod o-w {path}" in problem


@pytest.mark.parametrize("key", ["action", "ignorecommand"])
@pytest.mark.parametrize("by", ["", "/bin/sh "])
def test_a_program_that_others_can_write_is_not_run(
    directory: Path, write: Write, key: str, by: str
) -> None:
    script = directory / "bin" / "tell"
    write("bin/tell", "#!/bin/sh\n")
    script.chmod(0o755)
    asked = f"command[ban='{by}{script} {{{{ ip }}}}']" if key == "action" else f"{by}{script} <ip>"
    jail = JAIL.format(name="three").replace("action = nftables\n", "")
    write("jails.d/three.conf", f"{jail}{key} = {asked}\n")
    assert "three" in load(directory).jails
    script.chmod(0o757)
    configuration = load(directory)
    (problem,) = errors(configuration)
    assert f"{script} is not run: everybody can write to it; do: chmod o-w {script}" in problem
    assert "three" not in configuration.jails
    assert "two" in configuration.jails
    script.chmod(0o755)
    os.chown(script.parent, MAN.pw_uid, -1)
    assert f"its directory {script.parent} belongs to man" in errors(load(directory))[0]


def test_a_link_is_as_good_as_what_it_leads_to(directory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "three.conf").write_text(JAIL.format(name="three"))
    (directory / "jails.d" / "three.conf").symlink_to(elsewhere / "three.conf")
    assert "three" in load(directory).jails
    elsewhere.chmod(0o777)
    assert f"do: chmod o-w {elsewhere}" in errors(load(directory))[0]


NAMED = {
    "password": ("email[smtp=localhost, user=u, password_file={}]", "secret\n"),
    "ca": ("email[smtp=localhost, tls_ca={}]", "a certificate\n"),
    "template": ("email[template={}]", "{{ who }}\n"),
    "x.list": ("kamailio-lists[lists={}]", ""),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_an_action_reads_is_nobody_elses(
    directory: Path, write: Write, name: str
) -> None:
    action, text = NAMED[name]
    path = write(f"read/{name}", text) / f"read/{name}"
    path.chmod(0o600)
    named = path.parent if name == "x.list" else path
    jail = JAIL.format(name="three").replace("nftables", action.format(named))
    write("jails.d/three.conf", jail)
    assert errors(load(directory)) == []
    os.chown(path, MAN.pw_uid, -1)
    configuration = load(directory)
    (problem,) = errors(configuration)
    assert problem.startswith(f"jails.d/three.conf:5: {path} is not followed: it belongs to man, ")
    assert configuration.failed.keys() == {"three"}
    os.chown(path, 0, -1)
    path.parent.chmod(0o777)
    assert f"everybody can write to its directory; do: chmod o-w {path.parent}" in str(
        errors(load(directory))
    )


def test_what_the_service_alone_reads_may_be_its_own(
    directory: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The docs say so; and root, who checks the configuration, is not that user."""
    path = write("password", "secret\n") / "password"
    path.chmod(0o600)
    action = f"email[smtp=localhost, user=u, password_file={path}]"
    write("jails.d/three.conf", JAIL.format(name="three").replace("nftables", action))
    os.chown(path, MAN.pw_uid, -1)
    monkeypatch.setattr(trust_module, "SERVICE", "news")
    assert f"do: chown news {path}" in errors(load(directory))[0]
    monkeypatch.setattr(trust_module, "SERVICE", "man")
    assert errors(load(directory)) == []
    (directory / "jails.d" / "three.conf").chmod(0o644)
    os.chown(directory / "jails.d" / "three.conf", MAN.pw_uid, -1)
    assert errors(load(directory)) != [], "what commands is root's alone"


@pytest.mark.parametrize(
    ("line", "is_list"),
    [
        ("judging = full\nextensions = @{}", False),
        ("ignoreip = file:{}", True),
        ("ignoreip = kamailio:1:{}", True),
    ],
)
def test_a_list_that_a_jail_reads(directory: Path, write: Write, line: str, is_list: bool) -> None:
    number = 6 + line.count("\n")
    path = write("read/list", "") / "read/list"
    write("jails.d/three.conf", f"{JAIL.format(name='three')}{line.format(path)}\n")
    assert errors(load(directory)) == []
    os.chown(path, MAN.pw_uid, -1)
    assert bool(errors(load(directory))) is not is_list, "who keeps exemptions may be another"
    os.chown(path, 0, -1)
    for place in (path, path.parent):
        place.chmod(0o777)
        (problem,) = errors(load(directory))
        assert problem.startswith(
            f"jails.d/three.conf:{number}: {path} is not followed: everybody can"
        )
        assert f"do: chmod o-w {place}" in problem
        place.chmod(0o755)


@pytest.mark.parametrize(
    ("line", "is_list"),
    [
        ("ami = {}", False),
        ("alarm = email[dest=root, smtp=localhost, user=u, password_file={}]", False),
        ("geo_database = {}", True),
    ],
)
def test_a_file_that_the_daemon_reads(
    directory: Path, write: Write, line: str, is_list: bool
) -> None:
    path = write("read/file", "[ami]\nuser = u\nsecret = s\n") / "read/file"
    path.chmod(0o600)
    write("logban.conf", f"[server]\n{line.format(path)}\n")
    server = load(directory).server
    assert errors(load(directory)) == []
    os.chown(path, MAN.pw_uid, -1)
    if is_list:
        assert load(directory).server == server
        os.chown(path, 0, -1)
        path.parent.chmod(0o777)
    key = line.partition(" ")[0]
    (problem,) = errors(load(directory))
    assert problem.startswith(f"logban.conf:2: {key}: {path} is not followed: ")
    assert getattr(load(directory).server, key) in (None, ())


def test_what_is_not_there_is_told_elsewhere(tmp_path: Path) -> None:
    trust = Trust(tmp_path / "missing")
    assert trust.objection(tmp_path / "missing" / "x.conf") == ""
    assert trust.remark(tmp_path / "missing" / "x.conf") == ""
