# SPDX-License-Identifier: MIT
"""The socket's file."""

from __future__ import annotations

import logging
import os
import resource
import socket
import stat

import pytest

from logban.control.endpoint import AlreadyRunning, Endpoint
from logban.errors import ConfigurationError

GROUP = 4242


@pytest.fixture
def path(folder):
    return folder / "logban.sock"


def leave_stale(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def test_with_a_group_its_members_can_connect(path):
    endpoint = Endpoint(path, GROUP)
    with endpoint.open():
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert (found.st_uid, found.st_gid) == (os.geteuid(), GROUP)
        assert [entry.name for entry in path.parent.iterdir()] == ["logban.sock"]
    endpoint.remove()
    assert not path.exists()


def test_without_a_group_only_the_owner_can_connect(path):
    with Endpoint(path, None).open():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_everybody_could_put_another_in_its_place_there_is_none(path):
    path.parent.chmod(0o777)
    with pytest.raises(ConfigurationError, match="do: chmod o-w"):
        Endpoint(path, None).open()
    assert list(path.parent.iterdir()) == []
    path.parent.chmod(0o1777)
    Endpoint(path, None).open().close()


@pytest.mark.parametrize(("limit", "least"), [(4096, 1024), (1000, 3)])
def test_whoever_connects_takes_no_descriptor_that_libnftables_needs(path, limit, least):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Endpoint(path, None).open() as listener, socket.socket(socket.AF_UNIX) as client:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
        try:
            client.connect(str(path))
            connection, _ = listener.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        with connection:
            assert least <= connection.fileno() < limit
            client.sendall(b"x")
            assert connection.recv(10) == b"x"


def test_a_group_that_cannot_be_given_leaves_the_owner_only(path, monkeypatch, caplog):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with caplog.at_level(logging.WARNING), Endpoint(path, GROUP).open():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "only its owner can use it" in caplog.text


def test_the_folder_is_made_for_all_to_enter(folder):
    before = os.umask(0o077)
    try:
        with Endpoint(folder / "run" / "logban.sock", None).open():
            assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o755
    finally:
        os.umask(before)


def test_a_socket_left_behind_is_replaced(path):
    leave_stale(path)
    with Endpoint(path, None).open(), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_another_daemon_keeps_its_socket(path):
    first = Endpoint(path, None)
    with first.open():
        second = Endpoint(path, None)
        with pytest.raises(AlreadyRunning, match=r"another logban answers at .*systemctl stop"):
            second.open()
        second.remove()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        assert [entry.name for entry in path.parent.iterdir()] == ["logban.sock"]


def test_another_daemon_that_is_busy_keeps_its_socket(path):
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(AlreadyRunning):
            Endpoint(path, None).open()


def test_what_is_no_socket_is_not_touched(path):
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="no socket; move it away"):
        Endpoint(path, None).open()
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["file/logban.sock", "folder"])
def test_a_path_that_cannot_be_used_is_told(folder, name):
    (folder / "file").touch()
    (folder / "folder").mkdir()
    with pytest.raises(ConfigurationError, match=name):
        Endpoint(folder / name, None).open()
    assert sorted(entry.name for entry in folder.iterdir()) == ["file", "folder"]


def test_a_path_too_long_for_a_socket_is_told(folder):
    with pytest.raises(ConfigurationError, match="too long for a socket"):
        Endpoint(folder / ("x" * 100), None).open()


def test_only_its_own_file_is_removed(path):
    endpoint = Endpoint(path, None)
    with endpoint.open():
        path.unlink()
        path.write_text("somebody else's")
        endpoint.remove()
    assert path.exists()


def test_a_file_that_is_gone_needs_no_removing(path):
    endpoint = Endpoint(path, None)
    with endpoint.open():
        path.unlink()
        endpoint.remove()
        endpoint.remove()


def test_a_file_that_cannot_be_removed_is_told(path, monkeypatch, caplog):
    endpoint = Endpoint(path, None)
    with endpoint.open(), monkeypatch.context() as patch:

        def refuse(*_, **__):
            raise PermissionError(1, "Operation not permitted")

        patch.setattr(os, "unlink", refuse)
        patch.setattr(type(path), "unlink", refuse)
        endpoint.remove()
    assert "can't be removed: Operation not permitted" in caplog.text
