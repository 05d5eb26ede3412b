# SPDX-License-Identifier: MIT
"""The client by which an action speaks with its Kamailio, from its preparation to its end."""

from __future__ import annotations

from collections.abc import Callable

from logban.actions.kamailio.rpc import Rpc
from logban.actions.protocols import Missing


class Connection:
    """One client at a time; Missing to whoever asks before there is one."""

    def __init__(self, connect: Callable[[], Rpc], missing: str) -> None:
        """``connect`` makes the client; ``missing`` is the sentence while nobody has asked it."""
        self.connect = connect
        self._missing = missing
        self._rpc: Rpc | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether there is a client."""
        return self._rpc is not None

    @property
    def rpc(self) -> Rpc:
        """The client; Missing if there is none."""
        if self._rpc is None:
            raise Missing(self._missing)
        return self._rpc

    def open(self) -> Rpc:
        """Give a client of this moment; the one before it, if any, is let go."""
        self.close()
        self._rpc = self.connect()
        return self._rpc

    def close(self) -> None:
        """Let go of the client."""
        rpc, self._rpc = self._rpc, None
        if rpc is not None:
            rpc.close()
