# SPDX-License-Identifier: MIT
"""Chains of iptables-legacy: one per enforcer and family, holding static rules on an ipset.

python-iptables has ways of its own, and this module keeps them away from the rest:
its import runs modprobe and ldconfig, so it is imported when the first chain is asked for;
its tables are one object a process whose handle grows stale, so each use opens and closes it;
its checks of a rule divert the process's stdout, and its choice of a jump's target opens every
table (which switches connection tracking on), so rules are handed to the tables as they are.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeAlias

from logban.actions.traffic import PortRange, Traffic
from logban.errors import ActionError

# python-iptables has no types: its Table and Table6, Rule and Rule6, ipt_entry and ip6t_entry.
Table: TypeAlias = Any
Rule: TypeAlias = Any
Entry: TypeAlias = Any
Ports: TypeAlias = tuple[PortRange, ...]

_TABLE = "raw"  # before conntrack, so that what it has accepted already is dropped as well
_ENTRANCE = "PREROUTING"
_PORTS_IN_A_RULE = 15  # what the match multiport takes; a range counts as two
_LOCK_FILE = "/run/xtables.lock"  # shared with the iptables programs
_LOCK_SECONDS = 10.0
_ONE_AT_A_TIME = threading.Lock()


@functools.cache
def _library() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has invalid escapes and leaves files open
        try:
            import iptc  # noqa: PLC0415 - see the module's docstring
        except Exception as error:  # it raises plain Exception where it finds no libiptc
            raise ActionError(
                f"python-iptables cannot be used ({error}); install it with iptables, or write "
                "nftables instead of iptables in the jail"
            ) from error
    module: ModuleType = iptc
    return module


@contextmanager
def _lock() -> Iterator[None]:
    """Keep the iptables programs and our own threads from changing a table at the same time."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with _ONE_AT_A_TIME:
        try:
            handle = os.open(_LOCK_FILE, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600)
        except OSError:  # a read-only /run; the kernel still refuses a table that was overtaken
            yield
            return
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise ActionError(
                            f"another program has held {_LOCK_FILE} for {_LOCK_SECONDS:.0f} s"
                        ) from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(handle)


class Chains:
    """The raw table of one version of IP, as seen from the calling thread's network namespace."""

    def __init__(self, version: int) -> None:
        self._version = version

    def install(self, chain: str, set_name: str, traffic: Traffic) -> None:
        """Make the chain that drops what the set holds, or fill it anew, and lead packets to it.

        All of it is one step for the kernel.
        """
        with self._table() as table:
            if table.is_chain(chain):
                table.flush_entries(chain)
            else:
                table.create_chain(chain)
            for part in traffic.parts(self._version):
                for protocol in part.protocols or (None,):
                    for ports in _portions(part.ports):
                        table.append_entry(chain, self._drop(protocol, ports, set_name).rule)
            if not _leads_to(table, chain):
                table.insert_entry(_ENTRANCE, self._jump(chain).rule, 0)
            table.commit()

    def shape(self, chain: str) -> tuple[bytes, ...]:
        """Give what the chain does, without its counters; empty where nothing leads to it."""
        with self._table() as table:
            if not _leads_to(table, chain):
                return ()
            return tuple(_deed(table, entry) for entry in _entries(table, chain))

    def remove(self, chain: str) -> None:
        """Take away the chain and what leads to it."""
        with self._table() as table:
            jump = self._jump(chain)
            buffer = jump.rule  # asking for it settles the offsets that the mask is made of
            while _leads_to(table, chain):
                table.delete_entry(_ENTRANCE, buffer, jump.mask)
            table.flush_entries(chain)
            table.delete_chain(chain)
            table.commit()

    def names(self) -> list[str]:
        """Give the chains that there are."""
        with self._table() as table:
            return [str(chain.name) for chain in table.chains]

    @contextmanager
    def _table(self) -> Iterator[Table]:
        iptc = _library()
        kind = iptc.Table if self._version == 4 else iptc.Table6
        with _lock():
            try:
                table = kind(_TABLE, autocommit=False)
                table.refresh()
                try:
                    yield table
                finally:
                    table.close()
            except (iptc.IPTCError, iptc.XTablesError) as error:
                raise self._explain(str(error)) from error

    def _explain(self, words: str) -> ActionError:
        program = "iptables" if self._version == 4 else "ip6tables"
        if "ermission denied" in words or "not permitted" in words:
            return ActionError(
                f"the kernel refuses {program}'s raw table: {words}. logban-server needs the "
                "capabilities CAP_NET_ADMIN and CAP_NET_RAW"
            )
        if "can't initialize" in words:
            return ActionError(
                f"this kernel has no {program}-legacy ({words}); "
                "write nftables instead of iptables in the jail"
            )
        return ActionError(f"{program}: {words}")

    def _drop(self, protocol: int | None, ports: Ports, set_name: str) -> Rule:
        iptc = _library()
        rule = self._rule()
        if protocol is not None:
            rule.protocol = str(protocol)
        if ports:
            written = ",".join(f"{low}:{high}" if high > low else f"{low}" for low, high in ports)
            match = iptc.Match(rule, "multiport")
            match.set_parameter("dports", written)
            rule.add_match(match)
        match = iptc.Match(rule, "set")
        match.set_parameter("match-set", [set_name, "src"])
        rule.add_match(match)
        rule.target = iptc.Target(rule, "DROP")
        return rule

    def _jump(self, chain: str) -> Rule:
        rule = self._rule()
        # Made as a DROP and renamed, so that the library does not go looking for the chain.
        rule.target = _library().Target(rule, "DROP")
        rule.target.standard_target = chain
        return rule

    def _rule(self) -> Rule:
        iptc = _library()
        rule: Rule = iptc.Rule() if self._version == 4 else iptc.Rule6()
        return rule


def _portions(ports: Ports) -> Iterator[Ports]:
    """Part the ports into what one rule can hold; no ports are one portion, an empty one."""
    portion: list[PortRange] = []
    room = _PORTS_IN_A_RULE
    for low, high in ports:
        slots = 1 if low == high else 2
        if slots > room:
            yield tuple(portion)
            portion, room = [], _PORTS_IN_A_RULE
        portion.append((low, high))
        room -= slots
    yield tuple(portion)


def _entries(table: Table, chain: str) -> Iterator[Entry]:
    entry = table.first_rule(chain)
    while entry:
        yield entry
        entry = table.next_rule(entry)


def _leads_to(table: Table, chain: str) -> bool:
    targets = [table.get_target(entry) for entry in _entries(table, _ENTRANCE)]
    return chain.encode() in targets


def _deed(table: Table, entry: Entry) -> bytes:
    """Give an entry's conditions and target, as the kernel has them."""
    header = entry.ip if hasattr(entry, "ip") else entry.ipv6
    deed = bytes(header)
    start = ctypes.addressof(entry)
    place = (ctypes.sizeof(entry) + 7) & ~7  # XT_ALIGN
    while place < entry.target_offset:
        match = _Match.from_address(start + place)
        data = ctypes.sizeof(_Match)
        # Behind the end of its name there may be anything.
        deed += match.name + bytes([match.revision])
        deed += ctypes.string_at(start + place + data, match.size - data)
        place += match.size
    target: bytes = table.get_target(entry) or b""
    return deed + target


class _Match(ctypes.Structure):
    """struct xt_entry_match of linux/netfilter/x_tables.h, without its data."""

    _fields_ = (
        ("size", ctypes.c_uint16),
        ("name", ctypes.c_char * 29),
        ("revision", ctypes.c_uint8),
    )
