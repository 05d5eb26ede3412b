# SPDX-License-Identifier: MIT
"""The ``kamailio-address`` action: bans in the address file of Kamailio's module permissions.

A line is ``GROUP ADDRESS MASK PORT TAG``.  logban's lines bear its tag, the jail and the end;
those of others in the file stay as they are, so that several jails and the admin can share it.
A ban here outlives a restart of Kamailio, and does not end while logban does not run.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from logban.actions.declaration import ActionSpec
from logban.actions.kamailio.calls import up_since
from logban.actions.kamailio.connection import Connection
from logban.actions.kamailio.pike import pardon
from logban.actions.kamailio.rpc import (
    Call,
    Method,
    Refused,
    Rpc,
    Struct,
    Unexpected,
    call,
    structs,
)
from logban.actions.kamailio.transports import RpcAddress, open_rpc
from logban.actions.names import identifier
from logban.actions.protocols import Missing
from logban.clock import Clock
from logban.errors import ActionError
from logban.model import Ban, Subject, SubjectKind

CHECK_EVERY: Final = 1.0

RELOAD_EVERY: Final = 5.5
"""Seconds between two reloads; Kamailio refuses one within 5 of the last (reload_delta)."""

_ONGOING: Final = "ongoing reload"
_FAILED: Final = "Reload failed."
_OWNER: Final = "logban"
_FOR_EVER: Final = math.inf
_GRACE: Final = 5.0  # seconds in which an end is expected to be told of
_LISTED: Final = 1000  # addresses of a dump that fit into a datagram, with some room
# A line in a group that nobody asks for tells whether Kamailio reads this very file.
_CANARY: Final = f"2147483647 192.0.2.1 32 0 {_OWNER}//"


@dataclass(frozen=True, slots=True)
class AddressSettings:
    """The file, the group that bans are of, and the way to Kamailio."""

    jail: str
    file: Path
    group: int
    address: RpcAddress
    timeout: float
    reply: Path | None = None


class AddressFile:
    """Keeps bans of one jail in the file, and Kamailio told of it."""

    check_every = CHECK_EVERY

    def __init__(
        self,
        settings: AddressSettings,
        clock: Clock,
        connect: Callable[[], Rpc] | None = None,
    ) -> None:
        """``connect`` makes the RPC client, where it is not to be the one of the settings."""
        self._settings = settings
        self._clock = clock
        self._kamailio = Connection(
            connect
            or partial(open_rpc, settings.address, timeout=settings.timeout, reply=settings.reply),
            f"Kamailio has not been asked about {settings.file} yet",
        )
        self._jail = identifier(settings.jail, 40)
        self._reloaded = -_FOR_EVER
        self._is_stale = False
        self._is_read = False
        self._since = ""
        path = str(settings.file).encode("utf-8", "surrogateescape")
        self._canary = _CANARY + hashlib.sha256(path).hexdigest()[:16]

    def takes(self, subject: Subject) -> bool:
        """Tell whether the file can hold a subject."""
        return subject.kind in (SubjectKind.IP, SubjectKind.NET)

    def prepare(self) -> None:
        """See that the file can be written, and that Kamailio reads this very file."""
        rpc = self._kamailio.open()
        since = up_since(rpc)
        with self._locked():
            self._write(*self._read())
        self._is_stale = True
        self._is_read = False
        self._reload()
        self._since = since

    def apply(self, bans: Sequence[Ban]) -> None:
        """Write the bans that are not over yet."""
        now = self._clock.now()
        self._change(
            {ban.subject.network: _FOR_EVER if ban.until is None else ban.until for ban in bans
             if ban.remaining(now) != 0 and self.takes(ban.subject)},
            (),
        )  # fmt: skip  # one condition, one line

    def lift(self, bans: Sequence[Ban]) -> None:
        """Take the lines of these bans out."""
        self._change({}, [ban.subject.network for ban in bans])

    def read(self) -> Mapping[Subject, float | None]:
        """Tell what the file holds; whether Kamailio has read it is ``check``'s to see."""
        _, own = self._read()
        now = self._clock.now()
        ended = [network for network, end in own.items() if end < now - _GRACE]
        if ended:  # while logban was down: a line has no end of its own
            self._change({}, ended)
        found: dict[Subject, float | None] = {}
        for network, end in own.items():
            subject = _subject_of(network)
            if subject is not None and network not in ended:
                found[subject] = None if end == _FOR_EVER else end
        return found

    def check(self) -> None:
        """Reload if a change waits for it; see that Kamailio was not restarted without the file."""
        if self._is_stale:
            self._reload()
        elif up_since(self._kamailio.rpc) != self._since:
            raise Missing(f"Kamailio was restarted; it is told of {self._settings.file} again")

    def pardon(self, subjects: Sequence[Subject]) -> None:
        """Delete what the script has put against these into the stock table."""
        pardon(self._kamailio.rpc, subjects)

    def close(self) -> None:
        """Let go of the socket; the file stays."""
        self._kamailio.close()

    def _change(self, put: Mapping[str, float], taken: Sequence[str]) -> None:
        with self._locked():
            others, own = self._read()
            changed = {network: end for network, end in own.items() if network not in taken}
            changed.update(put)
            if changed != own:
                self._write(others, changed)
                self._is_stale = True
        if self._is_stale:
            self._reload()

    def _reload(self) -> None:
        """Let Kamailio read the file, unless it has done so a moment ago."""
        if self._clock.now() - self._reloaded < RELOAD_EVERY:
            return
        rpc = self._kamailio.rpc
        try:
            answer = call(rpc, Method.ADDRESS_RELOAD)
        except Refused as refused:
            if refused.text == _ONGOING:
                return
            if refused.text == _FAILED:
                raise ActionError(
                    f"Kamailio could not read its address file: it must name "
                    f"{self._settings.file}, which its user must be allowed to read, in "
                    f'modparam("permissions", "address_file", "{self._settings.file}")'
                ) from refused
            raise
        if answer != "Reload OK":
            raise Unexpected(Call(Method.ADDRESS_RELOAD), answer)
        self._reloaded = self._clock.now()
        self._is_stale = False
        if not self._is_read:
            self._require_read(rpc)
            self._is_read = True

    def _require_read(self, rpc: Rpc) -> None:
        others, own = self._read()
        if len(others) + len(own) > _LISTED:
            return
        request = Call(Method.ADDRESS_DUMP)
        tags = set()
        for each in structs(request, call(rpc, Method.ADDRESS_DUMP)):
            item = each.get("item")
            if isinstance(item, Struct):
                tags.add(item.get("tag"))
        if self._canary.rpartition(" ")[2] not in tags:
            raise ActionError(
                f"Kamailio reads another address file than {self._settings.file}: write "
                f'modparam("permissions", "address_file", "{self._settings.file}") into '
                "kamailio.cfg, or name its file with file="
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep the actions of other jails from writing the file meanwhile."""
        directory = self._settings.file.parent
        try:
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ActionError(
                f"the directory {directory} for Kamailio's address file can't be used: "
                f"{error.strerror}"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self) -> tuple[list[str], dict[str, float]]:
        """Give the lines of others, and this jail's networks with their ends."""
        others: list[str] = []
        own: dict[str, float] = {}
        try:
            text = self._settings.file.read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return others, own
        except OSError as error:
            raise self._unusable(error) from error
        for line in text.splitlines():
            words = line.split()
            tag = words[4].split("/") if len(words) == 5 else []
            if line.startswith(_CANARY):
                continue
            if tag[:2] != [_OWNER, self._jail] or len(tag) != 3:
                others.append(line)
            elif words[0] == str(self._settings.group):
                with suppress(ValueError):
                    own[_network_of(words[1], words[2])] = float(tag[2])
        return others, own

    def _write(self, others: Sequence[str], own: Mapping[str, float]) -> None:
        lines = [*others, self._canary]
        for network, end in sorted(own.items()):
            address, _, mask = network.partition("/")
            mask = mask or ("128" if ":" in address else "32")
            tag = f"{_OWNER}/{self._jail}/{end:.0f}"
            lines.append(f"{self._settings.group} {address} {mask} 0 {tag}")
        path = self._settings.file
        try:
            handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            try:
                with open(handle, "w", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123  # a handle, no path
                    file.write("\n".join(lines) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                    os.fchmod(file.fileno(), 0o644)  # Kamailio's user reads it
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> ActionError:
        return ActionError(
            f"Kamailio's address file {self._settings.file} can't be used: {error.strerror}"
        )


def _network_of(address: str, mask: str) -> str:
    return address if mask == ("128" if ":" in address else "32") else f"{address}/{mask}"


def _subject_of(network: str) -> Subject | None:
    try:
        return Subject.parse(network, ipv6_prefix=128)
    except ValueError:
        return None


def build(spec: ActionSpec, clock: Clock) -> AddressFile:
    """Make the enforcer that a jail asks for."""
    settings = AddressSettings(
        spec.jail,
        spec.value("file", Path),
        spec.value("group", int),
        spec.value("socket", RpcAddress),
        spec.value("timeout", float),
        spec.optional("reply", Path),
    )
    return AddressFile(settings, clock)
