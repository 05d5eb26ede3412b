# SPDX-License-Identifier: MIT
"""The control socket: takes requests from those who may, and answers them one after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from logban.control.access import Access, Share, Shares, is_master
from logban.control.commands import Arguments, Command, find_command
from logban.control.endpoint import Endpoint
from logban.control.peer import Peer, SocketOptions, group_number
from logban.control.protocol import (
    REQUEST_LIMIT,
    MalformedRequest,
    Refusal,
    decode_request,
    encode_answer,
    encode_refusal,
)
from logban.control.service import Service
from logban.control.shape import plain, shallow
from logban.errors import LogbanError, NotPermitted, TryAgain
from logban.text import visible

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one who connects may use up.

    A request must be there whole ``request_seconds`` after the connection or the last answer; an
    answer must be taken within ``answer_seconds``; who has been answered for the last time has
    ``parting_seconds`` to hang up.  One connection more than ``connections``, of root or of all
    others, or than ``per_user`` of another user, is told to try again.  What was no request is
    answered after ``penalty_seconds``, unless it is root's.  While ``refused`` more are being told,
    whoever connects is cut off without a word.
    """

    connections: int = 64
    per_user: int = 16
    request_seconds: float = 10.0
    answer_seconds: float = 30.0
    parting_seconds: float = 1.0
    penalty_seconds: float = 0.1
    refused: int = 64


class ControlServer:
    """Serves the daemon's control socket from ``start`` to ``close``.

    Root, the daemon's own user and the members of ``group`` are answered, nobody else.  Of these
    members ``operators`` names those who may change something; all of them may where it gives None.
    """

    def __init__(
        self,
        path: Path,
        service: Service,
        group: str = "logban",
        limits: Limits = Limits(),
        *,
        operators: Callable[[], Sequence[str] | None] = lambda: None,
    ) -> None:
        self._service = service
        self._access = Access(group_number(group), group, operators)
        self._limits = limits
        self._shares = Shares(limits.connections, limits.per_user)
        self._endpoint = Endpoint(path, self._access.group)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; LogbanError if another daemon does so there, or if the path can't be used."""
        listener = self._endpoint.open()
        try:
            self._server = await asyncio.start_unix_server(
                self._connected, sock=listener, limit=REQUEST_LIMIT - 1
            )
        except BaseException:
            self._endpoint.remove()
            listener.close()
            raise

    async def close(self) -> None:
        """Stop listening, remove the socket, break off what is being asked."""
        self._endpoint.remove()
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= 2 * self._limits.connections + self._limits.refused:
            writer.transport.abort()
            return
        # A task of our own: one of asyncio's, cancelled, is reported as a fault by Python 3.11.
        task = asyncio.create_task(self._converse(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
            await self._part(reader, writer)
        except (ConnectionError, TimeoutError) as error:
            logger.debug("a client went away or does not read: %s", error)
        except Exception:  # one connection's trouble must not end the others
            logger.exception("a connection to the control socket failed")
        finally:
            writer.transport.abort()

    async def _part(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Close so that the last answer arrives: what is still being sent is taken and dropped.

        Were it left unread, the kernel would tell the client of a reset and not of an end.
        """
        writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.parting_seconds):
                while await reader.read(REQUEST_LIMIT):
                    pass
        writer.close()
        async with asyncio.timeout(self._limits.answer_seconds):
            await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            peer = Peer.of(cast("SocketOptions", writer.get_extra_info("socket")))
            self._access.check_use(peer)
            with self._shares.one(peer) as share:
                await self._answer_all(reader, writer, peer, share)
        except NotPermitted as error:
            logger.warning("user %d (process %d) may not command logban", peer.uid, peer.pid)
            await self._send(writer, [encode_refusal(Refusal.of(error))])
        except LogbanError as error:
            await self._send(writer, [encode_refusal(Refusal.of(error))])

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer, share: Share
    ) -> None:
        """Answer one request after the other; MalformedRequest or TryAgain at what is none."""
        while True:
            try:
                line = await self._receive(reader)
                if not line:
                    return
                request = decode_request(line)
            except (MalformedRequest, TryAgain):
                if not is_master(peer):
                    await asyncio.sleep(self._limits.penalty_seconds)
                raise
            try:
                command, arguments = find_command(request)
            except LogbanError as error:
                await self._send(writer, [encode_refusal(Refusal.of(error))])
                continue
            # What changes something waits for its effect; others would wait with it.
            in_turn = nullcontext() if command.writes or is_master(peer) else share.turn()
            async with in_turn:
                await self._send(writer, await self._outcome(command, arguments, peer))

    async def _outcome(self, command: Command, arguments: Arguments, peer: Peer) -> list[bytes]:
        """Give the answer to a request, in pieces."""
        try:
            if command.writes:
                self._access.check_change(peer, command.name)
            return await self._run(command, arguments, peer)
        except LogbanError as error:
            return [encode_refusal(Refusal.of(error))]

    async def _receive(self, reader: asyncio.StreamReader) -> bytes:
        """Give the next line, b"" at the end; MalformedRequest or TryAgain if none will come."""
        seconds = self._limits.request_seconds
        try:
            async with asyncio.timeout(seconds):
                return await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                return b""
            raise MalformedRequest("the request broke off before the end of its line") from error
        except asyncio.LimitOverrunError as error:
            raise MalformedRequest(f"the request is longer than {REQUEST_LIMIT} bytes") from error
        except TimeoutError as error:
            raise TryAgain(f"no whole request came within {seconds:g} s") from error

    async def _run(self, command: Command, arguments: Arguments, peer: Peer) -> list[bytes]:
        if command.writes:
            logger.info(
                "user %d (process %d): %s %s",
                peer.uid,
                peer.pid,
                command.name,
                visible(str(dict(arguments.values)), 300),
            )
        try:
            payload = shallow(await command.run(self._service, arguments))
            pieces = []
            for piece in encode_answer(payload, plain):
                pieces.append(piece)
                await asyncio.sleep(0)  # the loop's other work goes on while a long list is written
        except LogbanError:
            raise
        except Exception as error:  # a fault of ours; the admin's next command must still be heard
            logger.exception("command %s failed", command.name)
            raise InternalError("internal error, see the log") from error
        return pieces

    async def _send(self, writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
        writer.writelines(pieces)
        async with asyncio.timeout(self._limits.answer_seconds):
            await writer.drain()


class InternalError(LogbanError):
    """The daemon has a fault; its log says which."""

    fixable = False
