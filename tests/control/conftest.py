# SPDX-License-Identifier: MIT
"""A daemon that does nothing but remember what it was asked."""

from __future__ import annotations

import asyncio

import pytest

from logban.control import payloads
from logban.errors import UnknownName
from logban.model import Subject, SubjectKind


class RecordingOrders:
    """A :class:`logban.control.service.KamailioOrders` of a proxy that is not there."""

    def __init__(self, asked: list[tuple[object, ...]]) -> None:
        self._asked = asked

    def __getattr__(self, name: str):
        async def order(*arguments):
            self._asked.append((name, *arguments))
            return payloads.Said("done")

        return order


class RecordingService:
    """A :class:`logban.control.service.Service` with one banned address."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.held = asyncio.Event()
        self.bans = 1
        self.verified = (payloads.VerifiedAction("asterisk", "nftables", 3),)

    def view(self, number: int = 7) -> payloads.BanView:
        subject = Subject(SubjectKind.IP, f"198.51.{number // 256 % 256}.{number % 256}")
        return payloads.BanView("asterisk", subject, 100.0, 700.0, 600.0, rule="\x1b[2J\udcff")

    async def ping(self):
        self.asked.append(("ping",))
        return payloads.Pong("0.1.0", 1, 0.0, 100.0)

    async def status(self):
        self.asked.append(("status",))
        ledger = payloads.LedgerStatus("/var/lib/logban/logban.sqlite3", 1, 2, dirty=False)
        return payloads.Status("0.1.0", 1, 0.0, 100.0, (), (), (), ledger)

    async def health(self):
        self.asked.append(("health",))
        return payloads.Health(100.0, "0.1.0", 0.0, ())

    async def status_jail(self, name):
        if name != "asterisk":
            raise UnknownName(f"there is no jail {name!r}")
        jail = payloads.JailStatus(name, payloads.JailState.RUNNING)
        return payloads.JailDetail(100.0, jail, (self.view(),))

    async def banned(self, jail, subjects):
        self.asked.append(("banned", jail, subjects))
        return payloads.Banned(100.0, tuple(map(self.view, range(self.bans))))

    async def ban(self, subjects, jail, seconds, reason, *, force=False):
        self.asked.append(("ban", subjects, jail, seconds, reason, *(["force"] if force else [])))
        return payloads.Placed(100.0, (self.view(),))

    async def adopt(self, bans):
        self.asked.append(("adopt", bans))
        return payloads.Adopted(len(bans), 0)

    async def unban(self, subjects, jail):
        self.asked.append(("unban", subjects, jail))
        return payloads.Lifted(())

    async def allow_add(self, entry, seconds, note):
        self.asked.append(("allow-add", entry, seconds, note))
        return payloads.AllowAdded(100.0, payloads.AllowEntry(entry, "hand"))

    async def allow_del(self, entry):
        self.asked.append(("allow-del", entry))
        return payloads.AllowRemoved(payloads.AllowEntry(entry, "hand"))

    async def allow_list(self, jail):
        self.asked.append(("allow-list", jail))
        return payloads.AllowList(100.0, ())

    async def reload(self):
        raise RuntimeError("a fault")

    def kamailio(self, rpc):
        self.asked.append(("kamailio", rpc))
        return RecordingOrders(self.asked)

    async def verify(self, jail):
        self.asked.append(("verify", jail))
        return payloads.Verified(100.0, self.verified)

    async def repair(self, jail):
        self.asked.append(("repair", jail))
        return payloads.Verified(100.0, (payloads.VerifiedAction("asterisk", "nftables", 3),))

    async def unmatched(self, jail):
        self.asked.append(("unmatched", jail))
        sample = payloads.UnmatchedSample("login failed for 198.51.100.9\x1b[2J", "/log", 3, 90.0)
        return payloads.UnmatchedLines(
            100.0, (payloads.UnmatchedOfJail("asterisk", "asterisk", 3, (sample,)),)
        )

    async def why(self, subject):
        self.asked.append(("why", subject))
        self.held.set()
        await asyncio.Event().wait()  # never answers


@pytest.fixture
def service() -> RecordingService:
    return RecordingService()
