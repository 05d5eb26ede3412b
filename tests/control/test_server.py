# SPDX-License-Identifier: MIT
"""The control socket, spoken to by real clients, good and bad ones."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from contextlib import suppress

import pytest

from logban.control.endpoint import AlreadyRunning
from logban.control.protocol import REQUEST_LIMIT, Request, encode_request
from logban.control.server import ControlServer, Limits
from logban.errors import ConfigurationError
from logban.testing.waiting import LIMIT

PING = encode_request(Request("ping"))
NOBODY = 65534

AS_USER = """
import os, socket, sys
path, uid, gid, *groups = sys.argv[1:]
os.setgroups([int(group) for group in groups])
os.setgid(int(gid))
os.setuid(int(uid))
with socket.socket(socket.AF_UNIX) as client:
    try:
        client.connect(path)
    except PermissionError:
        sys.exit("refused by the kernel")
    client.sendall(b'{"schema":"logban/1","command":"ping"}\\n')
    client.shutdown(socket.SHUT_WR)
    print(b"".join(iter(lambda: client.recv(65536), b"")).decode())
"""


@pytest.fixture
def path(folder):
    return folder / "logban.sock"


def serve(story, path, service, *, group="no-such-group", limits=Limits()):  # noqa: B008  # frozen
    """Run a story with a server, for ten seconds at most."""

    async def main():
        async with asyncio.timeout(LIMIT), ControlServer(path, service, group, limits) as server:
            return await story(server)

    return asyncio.run(main())


async def connect(path):
    return await asyncio.open_unix_connection(path, limit=1 << 26)


async def talk(path, data, *, end=False):
    """Send bytes and give the answers, as objects, until the server closes."""
    reader, writer = await connect(path)
    writer.write(data)
    if end:
        writer.write_eof()
    answers = [json.loads(line) async for line in reader]
    writer.close()
    await writer.wait_closed()
    return answers


async def idle(server):
    """Wait until a connection is being served, and then until all have been served."""
    while not server._connections:  # noqa: ASYNC110  # nobody tells of a connection
        await asyncio.sleep(0)
    await asyncio.gather(*server._connections)


def error_of(answers):
    (answer,) = answers
    assert answer["schema"] == "logban/1"
    assert answer["ok"] is False
    return answer["error"]


def test_a_request_is_answered(path, service):
    async def story(_):
        assert await talk(path, PING, end=True) == [
            {
                "schema": "logban/1",
                "ok": True,
                "version": "0.1.0",
                "pid": 1,
                "started": 0.0,
                "now": 100.0,
            }
        ]

    serve(story, path, service)
    assert not path.exists()


def test_requests_on_one_connection_are_answered_in_order(path, service):
    async def story(_):
        wrong = encode_request(Request("status", {"jail": "sshd"}))
        answers = await talk(path, PING + wrong + PING, end=True)
        assert [answer["ok"] for answer in answers] == [True, False, True]
        assert answers[1]["error"] == {
            "message": "there is no jail 'sshd'",
            "exit_code": 5,
            "kind": "unknown-name",
        }

    serve(story, path, service)


def test_a_request_may_come_in_drops(path, service):
    async def story(_):
        reader, writer = await connect(path)
        for byte in PING:
            writer.write(bytes([byte]))
            await writer.drain()
        assert json.loads(await reader.readline())["ok"] is True
        writer.close()
        await writer.wait_closed()

    serve(story, path, service)


def test_a_long_list_arrives_whole_and_in_order(path, service):
    service.bans = 20_000

    async def story(_):
        (answer,) = await talk(path, encode_request(Request("banned")), end=True)
        assert [ban["subject"]["ip"] for ban in answer["bans"][:2]] == ["198.51.0.0", "198.51.0.1"]
        assert len(answer["bans"]) == 20_000
        assert answer["bans"][0]["rule"] == "\x1b[2J\udcff"
        assert answer["not_banned"] == []

    serve(story, path, service)


def test_the_loop_goes_on_while_a_long_list_is_written(path, service):
    service.bans = 20_000

    async def story(_):
        turns = 0
        asking = asyncio.create_task(talk(path, encode_request(Request("banned")), end=True))
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 20_000 / 500

    serve(story, path, service)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not JSON"),
        (b"\n", "not JSON"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b"{}\n", "schema"),
        (PING[:-1], "broke off"),
        (b"x" * (REQUEST_LIMIT + 1), "longer than 1048576 bytes"),
        (b" " * REQUEST_LIMIT + b"\n", "longer than 1048576 bytes"),
    ],
)
def test_what_is_no_request_is_told_so_and_the_connection_closed(path, service, data, problem):
    async def story(_):
        error = error_of(await talk(path, data + (b"" if data == PING[:-1] else PING), end=True))
        assert problem in error["message"]
        assert (error["exit_code"], error["kind"]) == (2, "malformed-request")
        assert len(await talk(path, PING, end=True)) == 1

    serve(story, path, service)
    assert service.asked == [("ping",)]


def test_the_longest_request_is_taken(path, service):
    padding = b" " * (REQUEST_LIMIT - len(PING))

    async def story(_):
        (answer,) = await talk(path, padding + PING, end=True)
        assert answer["ok"] is True

    serve(story, path, service)


def test_an_unknown_command_leaves_the_connection_open(path, service):
    async def story(_):
        wrong = encode_request(Request("explode"))
        first, second = await talk(path, wrong + PING, end=True)
        assert first["error"]["message"] == "there is no command 'explode'"
        assert second["ok"] is True

    serve(story, path, service)


@pytest.mark.parametrize("sent", [b"", b'{"schema":'])
def test_a_slow_sender_is_told_and_closed(path, service, sent):
    async def story(_):
        error = error_of(await talk(path, sent))
        assert error["message"] == "no whole request came within 0.05 s"
        assert error["exit_code"] == 75

    serve(story, path, service, limits=Limits(request_seconds=0.05))


def test_a_client_that_does_not_read_is_cut_off(path, service):
    service.bans = 20_000

    async def story(server):
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, str(path))
            await asyncio.get_running_loop().sock_sendall(client, encode_request(Request("banned")))
            await idle(server)
        assert len(await talk(path, PING, end=True)) == 1

    serve(story, path, service, limits=Limits(answer_seconds=0.05))


def test_a_client_that_does_not_hang_up_is_not_waited_for(path, service):
    async def story(server):
        reader, writer = await connect(path)
        writer.write(b"nonsense\n")
        assert b"not JSON" in await reader.read()
        await idle(server)
        writer.close()
        await writer.wait_closed()

    serve(story, path, service, limits=Limits(parting_seconds=0.05))


def test_a_client_that_goes_away_harms_nobody(path, service, caplog):
    async def story(server):
        _, writer = await connect(path)
        writer.write(encode_request(Request("banned")) * 50)
        await writer.drain()
        writer.transport.abort()
        await idle(server)
        assert len(await talk(path, PING, end=True)) == 1

    service.bans = 5000
    serve(story, path, service)
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_one_connection_too_many_is_told_to_try_again(path, service):
    async def story(_):
        waiting = [await connect(path) for _ in range(2)]
        for reader, writer in waiting:  # an answer shows that the connection is being served
            writer.write(PING)
            await reader.readline()
        error = error_of(await talk(path, b"", end=True))
        assert error["message"] == "2 clients are connected already"
        assert error["exit_code"] == 75
        for reader, writer in waiting:
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert len(await talk(path, PING, end=True)) == 1

    serve(story, path, service, limits=Limits(connections=2))


def test_a_crowd_is_cut_off_without_a_word(path, service):
    """Each has a descriptor, of which there are only so many."""

    async def story(server):
        told = []
        for _ in range(3):  # one is served, two are told, and none hangs up
            reader, writer = await connect(path)
            writer.write(PING)
            told.append((await reader.readline(), writer))
        assert [json.loads(line)["ok"] for line, _ in told] == [True, False, False]
        for _ in range(20):
            reader, writer = await connect(path)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        assert len(server._connections) == 3
        for _, writer in told:
            writer.close()

    limits = Limits(connections=1, refused=1, parting_seconds=LIMIT)
    serve(story, path, service, limits=limits)


def test_a_fault_of_ours_is_logged_and_the_server_goes_on(path, service, caplog):
    async def story(_):
        request = encode_request(Request("reload"))
        first, second = await talk(path, request + PING, end=True)
        assert first["error"] == {
            "message": "internal error, see the log",
            "exit_code": 1,
            "kind": "internal-error",
        }
        assert second["ok"] is True

    serve(story, path, service)
    assert "command reload failed" in caplog.text
    assert "RuntimeError: a fault" in caplog.text


def test_a_fault_outside_of_a_command_is_logged_and_the_server_goes_on(
    path, service, caplog, monkeypatch
):
    async def story(server):
        with monkeypatch.context() as patch:
            patch.setattr(server, "_answer_all", None)
            reader, writer = await connect(path)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert len(await talk(path, PING, end=True)) == 1

    serve(story, path, service)
    assert "a connection to the control socket failed" in caplog.text


def test_who_changes_something_stands_in_the_log(path, service, caplog):
    caplog.set_level(logging.INFO)
    subject = {"kind": "ip", "ip": "198.51.100.7"}

    async def story(_):
        arguments = {"subjects": [subject], "reason": "\x1b[2J\nfake"}
        await talk(path, encode_request(Request("ban", arguments)) + PING, end=True)

    serve(story, path, service)
    (record,) = (record for record in caplog.records if record.name == "logban.control.server")
    assert record.getMessage().startswith("user 0 (process ")
    assert "ban " in record.getMessage()
    assert "198.51.100.7" in record.getMessage()
    assert record.getMessage().isprintable()


def test_closing_breaks_off_what_is_being_asked(path, service):
    async def main():
        server = ControlServer(path, service, "no-such-group")
        await server.start()
        subject = {"kind": "ip", "ip": "198.51.100.7"}
        asking = asyncio.create_task(
            talk(path, encode_request(Request("why", {"subject": subject})))
        )
        await asyncio.wait_for(service.held.wait(), LIMIT)
        await asyncio.wait_for(server.close(), LIMIT)
        assert await asyncio.wait_for(asking, LIMIT) == []
        assert not path.exists()
        await server.close()

    asyncio.run(main())


def test_a_second_daemon_does_not_start_and_the_first_goes_on(path, service):
    async def story(_):
        second = ControlServer(path, service, "no-such-group")
        with pytest.raises(AlreadyRunning):
            await second.start()
        await second.close()
        assert len(await talk(path, PING, end=True)) == 1

    serve(story, path, service)


def test_a_daemon_that_died_leaves_nothing_in_the_way(path, service):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def story(_):
        assert len(await talk(path, PING, end=True)) == 1

    serve(story, path, service)


def test_a_path_that_is_no_socket_is_refused(path, service):
    path.touch()

    async def story(_):
        raise AssertionError("it started")

    with pytest.raises(ConfigurationError):
        serve(story, path, service)


def test_what_fails_after_the_socket_is_made_leaves_none(path, service, monkeypatch):
    async def fail(*_, **__):
        raise OSError("no")

    monkeypatch.setattr(asyncio, "start_unix_server", fail)
    with pytest.raises(OSError, match="no"):
        asyncio.run(ControlServer(path, service, "no-such-group").start())
    assert not path.exists()


async def as_user(path, uid, gid, *groups):
    """Ping as another user; give what came and what went wrong."""
    words = [str(word) for word in (path, uid, gid, *groups)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", AS_USER, *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return out.decode(), err.decode()


GAMES = 60  # a group of Debian's base-passwd, as nogroup is


@pytest.mark.parametrize(
    ("gid", "groups"), [(GAMES, []), (NOBODY, [GAMES])], ids=["primary", "supplementary"]
)
def test_a_member_of_the_group_is_answered(path, service, gid, groups):
    async def story(_):
        out, err = await as_user(path, NOBODY, gid, *groups)
        assert (json.loads(out)["ok"], err) == (True, "")

    serve(story, path, service, group="games")


@pytest.mark.parametrize("group", ["games", "no-such-group"])
def test_a_stranger_is_kept_out_by_the_kernel(path, service, group):
    async def story(_):
        assert await as_user(path, NOBODY, NOBODY) == ("", "refused by the kernel\n")

    serve(story, path, service, group=group)


def test_a_stranger_who_gets_in_all_the_same_is_refused(path, service, caplog):
    async def story(_):
        path.chmod(0o666)
        out, _ = await as_user(path, NOBODY, NOBODY)
        assert json.loads(out)["error"] == {
            "message": "user 65534 may not command logban; only root and the members of group "
            "games may",
            "exit_code": 4,
            "kind": "not-permitted",
        }

    serve(story, path, service, group="games")
    assert service.asked == []
    assert "user 65534 (process" in caplog.text
