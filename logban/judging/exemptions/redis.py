# SPDX-License-Identifier: MIT
"""Exemptions in Redis: a key ``white_list:198.51.100.7`` for each, with the end that it has there.

A portal for customers sets such keys (``SET white_list:ADDRESS 1 EX 3600``), and Kamailio may ask
for the same ones.  Two ways lead here.  The keys are scanned every few seconds, so that bans of
whoever was just let in end by themselves; and before anybody is banned, his own key is asked for.
While Redis is away, the keys known last hold, each to its own end.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from logban.addresses import canonical_network
from logban.clock import Clock
from logban.errors import ConfigurationError
from logban.judging.exemptions.enquiries import Unanswered
from logban.judging.exemptions.exemption import Exemption, Exemptions
from logban.judging.exemptions.lists import Listing
from logban.judging.exemptions.redis_connection import bound
from logban.model import Subject, SubjectKind, Verdict
from logban.text import visible

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

SCAN_EVERY: Final = 5.0
"""Seconds between two scans of the keys."""

MAX_KEYS: Final = 100_000
"""Keys that are taken up; what is beyond is told, and found all the same before a ban."""

ANSWERS_WITHIN: Final = 1.0
"""Seconds that one command may take."""

THREADS: Final = 4
"""One scans; the others answer about those who are to be banned."""

SCAN_WITHIN: Final = 60.0
"""Seconds that a scan may take: some ten million keys, among which are ours."""

_AT_ONCE: Final = 1000
_LONGEST_SPAN: Final = 10**15  # milliseconds: more than thirty thousand years
# What redis-py raises where an answer is of another form than it takes for granted.
_NONSENSE: Final = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
)  # fmt: skip
_NEVER: Final = -1  # what PTTL says of a key without an end
_GONE: Final = -2
_ANSWERS_OUT: Final = 2 * ANSWERS_WITHIN  # within which a question asked before is answered

T = TypeVar("T")


class RedisList:
    """The keys of one prefix: a kept list, and an enquiry about who is to be banned."""

    unanswered = Unanswered.BAN
    keep = 0.0  # asking costs a millisecond, and the customer may have been let in just now

    def __init__(self, url: str, prefix: str, clock: Clock) -> None:
        """ConfigurationError if redis-py is not installed or the URL means nothing to it."""
        self.key = self.name = "redis"
        self.problem = "Redis has not been read yet"
        self.prefix = prefix
        self._clock = clock
        self._place = _shown(url)
        self._redis = _connected(url)
        self._threads = ThreadPoolExecutor(THREADS, "redis")
        self._ends: dict[str, float | None] = {}
        self._scanned = float("-inf")
        self._is_news = False
        self._lost: dict[str, float] = {}

    async def refresh(self) -> Listing | None:
        """Scan the keys if it is time to, and give what holds if that is news."""
        now = self._clock.now()
        if now - self._scanned >= SCAN_EVERY or now < self._scanned:
            self._scanned = now
            try:
                found, strange = await self._in_thread(self._scan)
                await self._delete_lost(found)
                self._take(found, strange)
            except OSError as error:
                self.problem = (
                    f"the exemptions in {self._place} can't be read: {error}; those known last "
                    "hold to their ends"
                )
        now = self._clock.now()
        ended = [entry for entry, end in self._ends.items() if end is not None and end <= now]
        for entry in ended:
            del self._ends[entry]
        if not ended and not self._is_news:
            return None
        self._is_news = False
        return self.listing()

    def listing(self) -> Listing:
        """Give what holds, as far as is known."""
        networks = Exemptions()
        for entry, end in self._ends.items():
            networks.add(entry, self._exemption(entry, end))
        return Listing(networks)

    def concerns(self, verdict: Verdict) -> bool:
        """Tell whether there can be a key for a subject: for an address or a network."""
        return verdict.subject.kind is not SubjectKind.USER

    async def ask(self, verdict: Verdict) -> Exemption | None:
        """Ask for the keys of one who is to be banned; OSError if Redis does not answer."""
        entries = _written(verdict.subject)
        network = verdict.subject.network
        keys = [self.prefix + entry for entry in entries]
        ends = await self._in_thread(lambda: self._remaining(keys))
        found = [end for end in ends if end != 0.0]
        if not found or self._is_lost(network):
            return None
        end = None if None in found else max(end for end in found if end is not None)
        self._note(network, end)
        return self._exemption(network, end)

    def drop(self, entry: str) -> bool:
        """Let an exemption hold no longer; tell whether it did.  Its key is still to be deleted."""
        self._lost[entry] = float("inf")
        return self._ends.pop(entry, 0.0) != 0.0

    async def delete(self, entry: str) -> None:
        """Delete the key of one who has abused it."""
        keys = [self.prefix + each for each in _written(Subject.parse(entry, 128))]
        try:
            await self._in_thread(lambda: self._redis.delete(*keys))
        except OSError as error:
            log.warning("%s can't be deleted in %s: %s", keys[0], self._place, error)
        else:
            self._lost[entry] = self._clock.now() + _ANSWERS_OUT

    async def close(self) -> None:
        """Let go of the connections."""
        await self._in_thread(self._redis.close)
        self._threads.shutdown(wait=False)

    def _exemption(self, entry: str, end: float | None) -> Exemption:
        return Exemption(entry, f"{self.prefix}{entry} in {self._place}", end)

    def _note(self, entry: str, end: float | None) -> None:
        if entry not in self._ends and len(self._ends) < MAX_KEYS:
            self._ends[entry] = end
            self._is_news = True

    def _scan(self) -> tuple[dict[str, float | None], str]:
        """Give all entries there are with their ends, and a key that is none, if there is one."""
        found: dict[str, float | None] = {}
        strange = ""
        for keys in self._keys():
            for key, end in zip(keys, self._remaining(keys), strict=True):
                try:
                    entry = canonical_network(key.removeprefix(self.prefix))
                except ValueError:
                    strange = key
                    continue
                if end != 0.0 and len(found) < MAX_KEYS:
                    found[entry] = end
        return found, strange

    def _is_lost(self, entry: str) -> bool:
        """Tell whether a key has been abused, whatever Redis still says."""
        return self._clock.now() < self._lost.get(entry, 0.0)

    async def _delete_lost(self, found: dict[str, float | None]) -> None:
        """Delete the abused keys once more that could not be deleted, and forget the others."""
        for entry in [entry for entry in self._lost if not self._is_lost(entry)]:
            del self._lost[entry]
        for entry in self._lost.keys() & found.keys():
            del found[entry]
            await self.delete(entry)

    def _take(self, found: dict[str, float | None], strange: str) -> None:
        """Let what a scan has found hold."""
        self.problem = ""
        if strange:
            self.problem = f"the key {visible(strange, 80)} in {self._place} names no address"
        if len(found) == MAX_KEYS:
            self.problem = f"of the keys in {self._place} {MAX_KEYS} are taken up, and not the rest"
        if found.keys() != self._ends.keys() or _differ(found, self._ends):
            self._is_news = True
        self._ends = found

    def _keys(self) -> Iterator[list[str]]:
        cursor, end = 0, time.monotonic() + SCAN_WITHIN
        pattern = "".join(f"\\{each}" if each in "*?[]^\\" else each for each in self.prefix) + "*"
        while True:
            cursor, keys = self._redis.scan(cursor, pattern, _AT_ONCE)
            if keys:
                yield [str(key) for key in keys]
            if not cursor:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"it has more keys than can be looked at in {SCAN_WITHIN:g} s")

    def _remaining(self, keys: list[str]) -> list[float | None]:
        """Give when these keys end: None for never, 0 for those that are not there."""
        with self._redis.pipeline(transaction=False) as asked:
            for key in keys:
                asked.pttl(key)
            spans = asked.execute()
        now = self._clock.now()
        special: dict[int, float | None] = {_NEVER: None, _GONE: 0.0}
        return [
            special[span] if span in special else now + min(span, _LONGEST_SPAN) / 1000
            for span in spans
        ]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Talk to Redis in a thread; OSError with a sentence if that fails."""
        from redis.exceptions import RedisError  # noqa: PLC0415  # an extra

        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work)
        except (OSError, RedisError) as error:
            raise OSError(visible(str(error), 200) or type(error).__name__) from error
        except _NONSENSE as error:
            raise OSError("its answer is none of Redis's") from error


def _connected(url: str) -> Redis:
    """Give a client, which connects when it is used; ConfigurationError if it can't be made."""
    try:
        from redis import Redis  # noqa: PLC0415  # an extra
        from redis.backoff import NoBackoff  # noqa: PLC0415  # likewise
        from redis.retry import Retry  # noqa: PLC0415  # likewise
    except ImportError as error:
        raise ConfigurationError(
            f"exemptions are to be read from {_shown(url)} and redis-py is not installed; "
            "install logban[redis], or Debian's python3-redis"
        ) from error
    # Debian 12's redis-py takes no limit of its own for connecting to a socket of this host.
    connecting = {} if url.startswith("unix:") else {"socket_connect_timeout": ANSWERS_WITHIN}
    try:
        made = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 1),  # the connection may have been idle for too long
            decode_responses=True,
            encoding_errors="replace",
            socket_timeout=ANSWERS_WITHIN,
            **connecting,
        )
    except ValueError as error:
        raise ConfigurationError(f"redis = {_shown(url)}: {error}") from error
    return bound(made, ANSWERS_WITHIN)


def _shown(url: str) -> str:
    """Write the address of a database without the password in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _written(subject: Subject) -> list[str]:
    """Give the ways in which a subject's address may be written in a key."""
    network = subject.network
    if ":" not in network or "/" in network:
        return [network]
    # Kamailio writes an IPv6 address with all its eight groups, leading zeros left out.
    groups = ipaddress.IPv6Address(network).exploded.split(":")
    return [network, ":".join(f"{int(group, 16):x}" for group in groups), ":".join(groups)]


def _differ(one: dict[str, float | None], other: dict[str, float | None]) -> bool:
    """Tell whether ends have moved by more than the clocks' jitter."""
    for entry, end in one.items():
        before = other[entry]
        if (end is None) != (before is None):
            return True
        if end is not None and before is not None and abs(end - before) > 1:
            return True
    return False
