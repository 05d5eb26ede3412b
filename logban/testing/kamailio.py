# SPDX-License-Identifier: MIT
"""A real Kamailio on the loopback, to be started, killed and paused, and a telephone for it."""

from __future__ import annotations

import hashlib
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
from logban.actions.kamailio.rpc import Unavailable
from logban.actions.kamailio.transports import RpcAddress, Way, open_rpc

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


def free_port() -> int:
    """Find a port that nobody has, by UDP and TCP, in both families."""
    while True:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as stream:
            stream.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            stream.bind(("::", 0))
            port = int(stream.getsockname()[1])
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagram:
                datagram.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                try:
                    datagram.bind(("::", port))
                except OSError:
                    continue
                return port


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

    @property
    def log(self) -> str:
        """All that it has logged, over all its runs."""
        return (self.directory / "log").read_bytes().decode("utf-8", "replace")

    def check(self) -> str:
        """Let it check the script without running it; give what it finds wrong, "" if nothing."""
        script = str(self.directory / "kamailio.cfg")
        done = subprocess.run(
            [find_program(), "-c", "-f", script], capture_output=True, check=False, timeout=60
        )
        said = done.stderr.decode("utf-8", "replace")
        return said if done.returncode or "ERROR:" in said else ""

    def start(self) -> None:
        """Start it, and return when it answers: at its RPC, and to OPTIONS."""
        self.launch()
        rpc = open_rpc(self.address, timeout=0.5)
        end = time.monotonic() + 20
        try:
            while True:
                try:
                    up_since(rpc)
                except Unavailable:
                    ended = self.process is None or self.process.poll() is not None
                    if ended or time.monotonic() > end:
                        raise RuntimeError(f"Kamailio did not start:\n{self.log[-3000:]}") from None
                    time.sleep(0.02)
                else:
                    break
        finally:
            rpc.close()
        if not self.answers_within("127.9.9.9", 200, 20):
            raise RuntimeError(f"Kamailio does not answer to OPTIONS:\n{self.log[-3000:]}")

    def launch(self) -> None:
        """Start it and return at once."""
        (self.directory / "pid").unlink(missing_ok=True)  # a stale one would keep it from starting
        command = [find_program(), "-f", str(self.directory / "kamailio.cfg"), "-DD", "-E"]
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
            process.wait(20)
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
        seconds: float = 0.4,
    ) -> int | None:
        """Send a request from an address of the loopback; give the status, None for no answer.

        With a password a challenge is answered, and the status is that of the second request.
        """
        phone = _Phone(self.port, method, user, agent)
        kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        with socket.socket(family, kind) as line:
            line.settimeout(seconds)
            line.bind((source, 0))
            line.connect(("::1" if ":" in source else "127.0.0.1", self.port))
            answer = phone.ask(line)
            if password is not None and answer is not None and b" 401 " in answer[:20]:
                answer = phone.ask(line, phone.credentials(answer, password))
        return None if answer is None else int(answer.split(b" ", 2)[1])

    def answers_within(self, source: str, wanted: int | None, seconds: float) -> bool:
        """Ask again and again until the answer is the wanted one; tell whether it came to that."""
        end = time.monotonic() + seconds
        while self.probe(source) != wanted:
            if time.monotonic() > end:
                return False
            time.sleep(0.15)  # any faster, and pike would take it for a flood
        return True


def _wait_for_end(group: int) -> None:
    """Return when no process of a group is left: each of them keeps the sockets open."""
    with suppress(ProcessLookupError):
        while True:
            os.killpg(group, 0)
            time.sleep(0.005)


class _Phone:
    """One caller's requests."""

    def __init__(self, port: int, method: str, user: str, agent: str) -> None:
        self._uri = f"sip:127.0.0.1:{port}"
        self._method = method
        self._user = user
        self._agent = agent
        self._call = uuid.uuid4().hex
        self._sequence = 0

    def ask(self, line: socket.socket, *headers: str) -> bytes | None:
        """Send the request and give the answer, None if none comes."""
        self._sequence += 1
        host, port = line.getsockname()[:2]
        host = f"[{host}]" if ":" in host else host
        transport = "TCP" if line.type == socket.SOCK_STREAM else "UDP"
        lines = [
            f"{self._method} {self._uri} SIP/2.0",
            f"Via: SIP/2.0/{transport} {host}:{port};branch=z9hG4bK{uuid.uuid4().hex};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self._user}@127.0.0.1>;tag={self._call[:8]}",
            f"To: <sip:{self._user}@127.0.0.1>",
            f"Call-ID: {self._call}",
            f"CSeq: {self._sequence} {self._method}",
            f"Contact: <sip:{self._user}@{host}:{port}>",
            f"User-Agent: {self._agent}",
            *headers,
            "Content-Length: 0",
            "",
            "",
        ]
        try:
            line.sendall("\r\n".join(lines).encode())
            return line.recv(65535) or None
        except (TimeoutError, ConnectionError):
            return None

    def credentials(self, challenge: bytes, password: str) -> str:
        """Answer a challenge (RFC 2617, without qop)."""
        text = challenge.decode()
        realm, nonce = (
            found[1] if (found := re.search(f'{name}="([^"]+)"', text)) else ""
            for name in ("realm", "nonce")
        )
        first = _digest(f"{self._user}:{realm}:{password}")
        second = _digest(f"{self._method}:{self._uri}")
        return (
            f'Authorization: Digest username="{self._user}", realm="{realm}", nonce="{nonce}", '
            f'uri="{self._uri}", response="{_digest(f"{first}:{nonce}:{second}")}"'
        )


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
