# SPDX-License-Identifier: MIT
"""A real Kamailio on the loopback, to be started, killed and paused, and a telephone for it."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from logban.actions.kamailio.calls import up_since
from logban.actions.kamailio.rpc import Rpc, Unavailable
from logban.actions.kamailio.transports import RpcAddress, Way, open_rpc
from logban.testing.namespaces import on_one_cpu
from logban.testing.ports import free_port
from logban.testing.sip import Request
from logban.testing.waiting import LIMIT, wait

_markers = itertools.count(1)
_SECFILTER = "id(int,auto) action(int) type(int) data(string)\n"


_PIECE = re.compile(r"^```kamailio-ban ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r"^#@ ([\w-]+)$", re.MULTILINE)


def pieces_of(document: str) -> dict[str, str]:
    """Give the pieces of script that a document has for banning, by name."""
    return dict(_PIECE.findall(document))


def filled(script: str, document: str) -> str:
    """Put a document's pieces into their places in a script; its paths become a test's."""
    pieces = pieces_of(document)
    text = _PLACE.sub(lambda place: pieces[place[1]], script)
    text = text.replace('"text:///etc/kamailio/secfilter"', "DATABASE")
    return text.replace("/etc/kamailio/", "DIRECTORY/")


def find_program() -> str:
    """Find Kamailio; RuntimeError without it."""
    found = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError("kamailio is not installed: apt-get install kamailio")
    return found


@dataclass(slots=True)
class Kamailio:
    """A proxy with a script of the test's; all its files are in ``directory``.

    The script listens nowhere by itself.  DATABASE in it stands for the URL of an empty db_text
    database, DIRECTORY for the directory.
    """

    script: str
    directory: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, script: str, *options: str) -> Kamailio:
        """Make one in a directory of its own, with a path short enough for sockets."""
        directory = Path(tempfile.mkdtemp(prefix="logban-kam-"))
        database = directory / "db"
        database.mkdir()
        versions = "table_name(string) table_version(int)\nsecfilter:1\nversion:1\n"
        (database / "version").write_text(versions)
        (database / "secfilter").write_text(_SECFILTER)
        text = script.replace("DATABASE", f'"text://{database}"')
        (directory / "kamailio.cfg").write_text(text.replace("DIRECTORY", str(directory)))
        return cls(text, directory, free_port(), options)

    @property
    def socket(self) -> Path:
        """The datagram socket of its RPC."""
        return self.directory / "kamailio_rpc.sock"

    @property
    def fifo(self) -> Path:
        """The FIFO of its RPC."""
        return self.directory / "kamailio_rpc.fifo"

    @property
    def control(self) -> Path:
        """The socket of module ctl."""
        return self.directory / "kamailio_ctl"

    @property
    def url(self) -> str:
        """Where its RPC is by HTTP, if the script has a route for it."""
        return f"http://127.0.0.1:{self.port}/RPC"

    @property
    def address(self) -> RpcAddress:
        """The datagram socket, as actions are told of it."""
        return RpcAddress(Way.DATAGRAM, str(self.socket))

    def rpc(self) -> Rpc:
        """Give a client of its RPC that has patience."""
        return open_rpc(self.address, timeout=LIMIT)

    @property
    def log(self) -> str:
        """All that it has logged, over all its runs."""
        return (self.directory / "log").read_bytes().decode("utf-8", "replace")

    def check(self) -> str:
        """Let it check the script without running it; give what it finds wrong, "" if nothing."""
        script = str(self.directory / "kamailio.cfg")
        done = subprocess.run(
            [find_program(), "-c", "-f", script], capture_output=True, check=False, timeout=LIMIT
        )
        said = done.stderr.decode("utf-8", "replace")
        return said if done.returncode or "ERROR:" in said else ""

    def start(self) -> None:
        """Start it, and return when it answers: at its RPC, and to OPTIONS."""
        self.launch()
        rpc = open_rpc(self.address, timeout=0.5)

        def answers() -> bool:
            if self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"Kamailio did not start:\n{self.log[-3000:]}")
            try:
                up_since(rpc)
            except Unavailable:
                return False
            return self.probe("127.9.0.0") == 200

        try:
            wait(answers)
        finally:
            rpc.close()

    def launch(self) -> None:
        """Start it and return at once."""
        (self.directory / "pid").unlink(missing_ok=True)  # a stale one would keep it from starting
        # What one CPU sends keeps its order; see on_one_cpu.
        command = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
        command += [find_program(), "-f", str(self.directory / "kamailio.cfg"), "-DD", "-E"]
        command += ["-m", "64", "-M", "8", "-Y", str(self.directory)]
        command += ["-P", str(self.directory / "pid")]
        for host in ("127.0.0.1", "[::1]"):
            for transport in ("udp", "tcp"):
                command += ["-l", f"{transport}:{host}:{self.port}"]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, number)

    def cpu_seconds(self) -> float:
        """Give the time that its processes have spent on a CPU."""
        spent = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # one that has ended
                # proc(5): behind the name "state ppid pgrp", and 8 fields later utime and stime.
                fields = path.read_text("utf-8").rpartition(")")[2].split()
                if self.process is not None and int(fields[2]) == self.process.pid:
                    spent += int(fields[11]) + int(fields[12])
        return spent / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would: what it has made stays behind."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """End it and take its files away."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        os.killpg(process.pid, number)
        os.killpg(process.pid, signal.SIGCONT)  # a paused one ends, too
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        _wait_for_end(process.pid)

    def probe(
        self,
        source: str,
        method: str = "OPTIONS",
        user: str = "probe",
        password: str | None = None,
        agent: str = "telephone",
        *,
        stream: bool = False,
    ) -> int | None:
        """Send a request from an address of the loopback; give the status, None for no answer.

        With a password a challenge is answered, and the status is that of the second request.
        """
        caller = _Caller(self.port, source, "TCP" if stream else "UDP")
        request = caller.request(method, user, agent)
        with caller.line() as line:
            answer = caller.ask(line, request)
            if password is not None and answer is not None and b" 401 " in answer[:20]:
                request = request.answering(answer, user.encode(), password.encode())
                answer = caller.ask(line, request)
        return None if answer is None else int(answer.split(b" ", 2)[1])

    def flood(self, source: str, times: int) -> None:
        """Send requests from an address, and wait for no answer."""
        caller = _Caller(self.port, source)
        with caller.line() as line:
            for _ in range(times):
                line.send(caller.request("OPTIONS", "probe", "telephone").encoded())

    def wait_for_answer(self, source: str, wanted: int | None) -> None:
        """Ask again and again until the answer is the wanted one."""

        def is_it() -> bool:
            if self.probe(source) == wanted:
                return True
            time.sleep(0.15)  # any faster, and pike would take it for a flood
            return False

        wait(is_it)


@dataclass(frozen=True, slots=True)
class _Caller:
    """Somebody at an address of the loopback, for the proxy at a port."""

    port: int
    source: str
    transport: str = "UDP"

    def request(self, method: str, user: str, agent: str) -> Request:
        """Make a request of a call of its own."""
        host = f"[{self.source}]" if ":" in self.source else self.source
        address = f"<sip:{user}@127.0.0.1>".encode()
        return Request(
            *(method.encode(), f"sip:127.0.0.1:{self.port}".encode(), address, address),
            *(uuid.uuid4().hex.encode(), agent.encode()),
            headers=(f"Contact: <sip:{user}@{host}>".encode(),),
            transport=self.transport.encode(),
        )

    def line(self) -> socket.socket:
        """Open a line to the proxy."""
        is_six = ":" in self.source
        kind = socket.SOCK_STREAM if self.transport == "TCP" else socket.SOCK_DGRAM
        made = socket.socket(socket.AF_INET6 if is_six else socket.AF_INET, kind)
        made.settimeout(LIMIT)
        made.bind((self.source, 0))
        made.connect(("::1" if is_six else "127.0.0.1", self.port))
        return made

    def ask(self, line: socket.socket, request: Request) -> bytes | None:
        """Send a request and give the answer, None if none comes.

        The scripts here have one process for the datagrams of a family, so the answer to the first
        of two has come by the time when the second has its own.  A connection is closed instead.
        """
        try:
            with on_one_cpu():
                line.sendall(request.encoded())
                if self.transport == "UDP":
                    self._wait_for_turn()
                    line.setblocking(False)
            return line.recv(65535) or None
        except (BlockingIOError, ConnectionError):
            return None
        finally:
            line.settimeout(LIMIT)

    def _wait_for_turn(self) -> None:
        number = next(_markers)
        source = "::1" if ":" in self.source else f"127.9.{number >> 8 & 255}.{number & 255}"
        other = _Caller(self.port, source)
        with other.line() as line:
            line.send(other.request("OPTIONS", "marker", "marker").encoded())
            line.recv(65535)


def _wait_for_end(group: int) -> None:
    """Return when no process of a group is left: each of them keeps the sockets open."""
    with suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0)
            time.sleep(0.005)
