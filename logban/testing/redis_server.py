# SPDX-License-Identifier: MIT
"""A real Redis for a test, at a unix socket of its own and with nothing on disk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from redis import Redis, RedisError

from logban.testing.waiting import wait

_PROGRAM = shutil.which("redis-server") or "/usr/bin/redis-server"


class RedisServer:
    """It is started, stopped and started again as a test likes, and forgets all in between."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a client is told to find it."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and return when it answers; RuntimeError if it does not get there."""
        command = [
            *(_PROGRAM, "--port", "0", "--save", "", "--unixsocket", str(self.socket)),
            *("--dir", str(self.socket.parent)),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        process = self._process

        def answers() -> bool:
            if process.poll() is not None:
                raise RuntimeError("redis-server does not start")
            try:  # its socket is there a moment before it listens
                with self.keys() as keys:
                    return bool(keys.ping())
            except RedisError:
                return False

        wait(answers)

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)

    def keys(self) -> Redis:
        """Give a client for it; the caller closes that."""
        return Redis.from_url(self.url, decode_responses=True)
