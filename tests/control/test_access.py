# SPDX-License-Identifier: MIT
"""Who may ask, who may change something, and how much of the daemon one user can take up."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

import pytest

from logban.control.access import Access, Shares
from logban.control.commands import COMMANDS
from logban.control.peer import Peer
from logban.control.protocol import Request, encode_request
from logban.control.server import ControlServer, Limits
from logban.errors import NotPermitted, TryAgain
from logban.model import Subject
from logban.testing.waiting import LIMIT

MAN = pwd.getpwnam("man").pw_uid  # users and a group of Debian's base-passwd
NEWS = pwd.getpwnam("news").pw_uid
GAMES = 60
BAN = encode_request(
    Request("ban", {"subjects": [Subject.parse("198.51.100.7").to_json()], "reason": "x"})
)

# As a user of the group: connect so many times at once, send, tell what came of each.
CLIENT = """
import os, socket, sys
path, uid, gid, count, data = sys.argv[1:]
os.setgroups([int(gid)])
os.setgid(int(gid))
os.setuid(int(uid))
clients = [socket.socket(socket.AF_UNIX) for _ in range(int(count))]
for client in clients:
    client.connect(path)
    client.sendall(data.encode())
for client in clients:
    client.shutdown(socket.SHUT_WR)
    print(b"".join(iter(lambda: client.recv(65536), b"")).decode(), end="")
"""


def serve(
    story: Callable[[ControlServer], Coroutine[object, object, None]],
    path: Path,
    service: object,
    operators: Sequence[str] | None = None,
    limits: Limits = Limits(),  # noqa: B008  # frozen
) -> None:
    async def main() -> None:
        control = ControlServer(
            path,
            service,  # type: ignore[arg-type]  # the tests' own
            "games",
            limits,
            operators=lambda: operators,
        )
        async with asyncio.timeout(LIMIT), control:
            await story(control)

    asyncio.run(main())


async def as_user(path: Path, uid: int, data: bytes, count: int = 1) -> list[dict[str, object]]:
    """Ask as a member of the group; give the answers."""
    words = [str(path), str(uid), str(GAMES), str(count), data.decode()]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", CLIENT, *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.communicate()
        raise
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "logban.sock"


@pytest.mark.parametrize(
    ("operators", "may"),
    [
        (None, True),
        (("man",), True),
        (("@games",), True),
        (("news", "@no-such-group", "nosuchuser"), False),
        ((), False),
    ],
)
def test_members_change_something_if_they_are_operators(
    path: Path, service, operators: Sequence[str] | None, may: bool
) -> None:
    async def story(_: ControlServer) -> None:
        ping, ban = await as_user(path, MAN, encode_request(Request("ping")) + BAN)
        assert ping["ok"] is True
        assert ban["ok"] is may
        if not may:
            assert ban["error"] == {
                "message": f"user {MAN} may ask logban and change nothing, and ban does; "
                "`operators` in logban.conf names who may",
                "exit_code": 4,
                "kind": "not-permitted",
            }
        assert [asked[0] for asked in service.asked] == ["ping", *["ban"] * may]

    serve(story, path, service, operators)


def test_every_command_that_changes_something_is_kept_from_who_may_only_ask() -> None:
    access = Access(GAMES, "games", lambda: ())
    member = Peer(1, MAN, frozenset({GAMES}))
    for command in COMMANDS.values():
        if command.writes:
            with pytest.raises(NotPermitted):
                access.check_change(member, command.name)
    for uid in (0, os.geteuid()):
        access.check_change(Peer(1, uid, frozenset()), "ban")


def test_one_user_cannot_take_the_room_of_others(path: Path, service) -> None:
    limits = Limits(connections=5, per_user=3)

    async def story(_: ControlServer) -> None:
        answers = await as_user(path, MAN, encode_request(Request("ping")), 10)
        refused = [answer["error"] for answer in answers if not answer["ok"]]
        assert refused
        assert all("clients of user" in str(error) for error in refused)
        assert sum(answer["ok"] is True for answer in answers) >= 3

    serve(story, path, service, limits=limits)


def test_room_is_kept_for_root_and_given_back() -> None:
    shares = Shares(connections=4, per_user=3)
    man, news, root = (Peer(1, uid, frozenset()) for uid in (MAN, NEWS, 0))
    taken = [shares.one(man) for _ in range(3)] + [shares.one(news)]
    for each in taken:
        each.__enter__()
    with pytest.raises(TryAgain, match="3 clients of user"), shares.one(man):
        pass
    with pytest.raises(TryAgain, match=r"^4 clients are connected"), shares.one(news):
        pass
    with shares.one(root):
        pass
    for each in taken:
        each.__exit__(None, None, None)
    with shares.one(man), shares.one(news):
        pass
    assert shares._shares == {}


def test_a_user_who_asks_without_end_leaves_time_to_others(path: Path, service) -> None:
    """Root is answered while the members of the group fill all the room that they have."""
    service.bans = 3000
    flood = encode_request(Request("banned")) * 40

    async def story(_: ControlServer) -> None:
        floods = [asyncio.create_task(as_user(path, uid, flood, 16)) for uid in (MAN, NEWS)]
        while not service.asked:  # noqa: ASYNC110  # nobody tells of a request
            await asyncio.sleep(0)
        for _ in range(20):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(encode_request(Request("ping")))
            assert json.loads(await reader.readline())["ok"] is True
            writer.close()
            await writer.wait_closed()
        # Before root was answered twenty times, a small part of the flood was.
        assert not any(task.done() for task in floods)
        assert sum(asked[0] == "banned" for asked in service.asked) < 2 * 16 * 40 / 2
        for task in floods:
            task.cancel()
        await asyncio.gather(*floods, return_exceptions=True)

    serve(story, path, service)


def test_nonsense_is_answered_late(path: Path, service) -> None:
    """Whoever connects again and again to send nonsense has few connections to do it with."""
    limits = Limits(penalty_seconds=30.0, per_user=2)

    async def story(control: ControlServer) -> None:
        wasting = asyncio.create_task(as_user(path, MAN, b"nonsense\n", 2))
        shares = control._shares._shares
        while MAN not in shares or shares[MAN].connections < 2:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0)
        (answer,) = await as_user(path, MAN, b"nonsense\n")
        assert "2 clients of user" in str(answer["error"])
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"nonsense\n")
        assert b"not JSON" in await reader.readline()
        writer.close()
        await writer.wait_closed()
        wasting.cancel()
        await asyncio.gather(wasting, return_exceptions=True)

    serve(story, path, service, limits=limits)
