# SPDX-License-Identifier: MIT
"""Whose an address is, asked of the whois program or of a server at port 43 (RFC 3912)."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Sequence

from logban.actions import process
from logban.actions.mail.server import Endpoint
from logban.addresses import canonical_address
from logban.clock import Clock
from logban.deadline import connected
from logban.durations import format_duration
from logban.text import visible

_BYTES = 32 * 1024  # of an answer; the registries' are 1 to 5 KiB
_LINES = 200
_LINE_LENGTH = 200
_CACHED = 256
_LIFETIME = 86400.0  # an address changes hands rarely
_FAILURE_LIFETIME = 600.0
PROGRAM = ("whois", "--no-recursion")
"""The program, told not to follow what an answer refers to.

Whoever has a network at ARIN may refer to any server there: to one of this host, or to one that
refers to a third.  So only the registries' own are asked beside the first, and by us."""

_REGISTRY = re.compile(
    rb"^ReferralServer:\s*whois://(whois\.(?:afrinic|apnic|arin|lacnic|ripe)\.net)(?::43)?/?\s*$",
    re.MULTILINE,
)


class Whois:
    """Answers, kept for a day each and at most 256 of them."""

    def __init__(
        self,
        clock: Clock,
        *,
        server: Endpoint | None = None,
        program: Sequence[str] = PROGRAM,
        timeout: float = 10.0,
    ) -> None:
        self._clock = clock
        self._server = server
        self._program = tuple(program)
        self._timeout = timeout
        self._cache: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def lookup(self, address: str) -> str:
        """Give what is said of an address, fit to be shown; a sentence where nothing could be had.

        Never raises: that nobody knows whose an address is must not keep back what is known.
        """
        try:
            asked = canonical_address(address)
        except ValueError:
            return f"whois: {visible(address, 100)!r} is no address"
        now = self._clock.now()
        if asked in self._cache:
            until, text = self._cache[asked]
            if now < until:
                return text
        try:
            text = _shown(self._ask(asked))
            until = now + _LIFETIME
        except (OSError, _NoAnswer) as error:
            text = f"whois: {visible(str(error), 300)}"
            until = now + _FAILURE_LIFETIME
        self._cache[asked] = (until, text)
        self._cache.move_to_end(asked)
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return text

    def _ask(self, address: str) -> tuple[bytes, bool]:
        if self._server is None:
            return self._ask_program(address)
        return self._ask_server(self._server, address)

    def _ask_program(self, address: str) -> tuple[bytes, bool]:
        deadline = time.monotonic() + self._timeout
        first = self._run([address], self._timeout)
        registry = _REGISTRY.search(first[0])
        if registry is None:
            return first
        try:
            left = deadline - time.monotonic()
            return self._run(["-h", registry[1].decode("ascii"), address], left)
        except _NoAnswer:  # what the first said is better than nothing
            return first

    def _run(self, words: Sequence[str], timeout: float) -> tuple[bytes, bool]:
        """Run the program; give its answer, and whether that was cut."""
        try:
            finished = process.run(
                (*self._program, *words), timeout=timeout, limit=_BYTES, end_when_full=True
            )
        except FileNotFoundError:
            raise _NoAnswer(f"there is no program {self._program[0]!r} on this host") from None
        if finished.timed_out:
            raise self._no_answer()
        # whois(1) exits 1 or 2 where it was not answered, with the reason on stderr.
        if finished.code and not finished.overflowed:
            said = finished.output.decode(errors="replace").strip()
            raise _NoAnswer(f"the program failed ({finished.code}): {visible(said, 200)}")
        return finished.output, finished.overflowed

    def _ask_server(self, server: Endpoint, address: str) -> tuple[bytes, bool]:
        deadline = time.monotonic() + self._timeout
        answer = bytearray()
        try:
            with connected(server.host, server.port or 43, self._timeout) as connection:
                connection.sendall(f"{address}\r\n".encode("ascii"))
                while len(answer) <= _BYTES:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise self._no_answer()
                    connection.settimeout(left)
                    chunk = connection.recv(4096)
                    if not chunk:
                        break
                    answer += chunk
        except TimeoutError:
            raise self._no_answer() from None
        except OSError as error:
            raise _NoAnswer(f"{server}: {error.strerror or error}") from error
        return bytes(answer[:_BYTES]), len(answer) > _BYTES

    def _no_answer(self) -> _NoAnswer:
        return _NoAnswer(f"no answer within {format_duration(self._timeout)}")


class _NoAnswer(Exception):
    """Why nothing could be had."""


def _shown(answer: tuple[bytes, bool]) -> str:
    """Give an answer line by line, each fit to be shown, as many as a mail can take."""
    data, cut = answer
    lines = data.decode(errors="replace").strip().split("\n")
    shown = [visible(line.rstrip().expandtabs(), _LINE_LENGTH).rstrip() for line in lines[:_LINES]]
    if cut or len(lines) > _LINES:
        shown.append("[whois: the answer is longer than this]")
    return "\n".join(shown) if data.strip() else "whois: the answer is empty"
