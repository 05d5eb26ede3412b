#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Show logban's main job: an attack in a log, bans in the kernel, packets dropped, bans ended.

Everything happens in two network namespaces that the demonstration makes and removes: `pbx`,
where logban and a stand-in for Asterisk run, and `net`, where the peers are.  The lines of the
attack (attack.log) were written by Asterisk 16 under attack; they are given the current time.
Root is needed for the namespaces; nothing on the host changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
PROGRAMS = Path(sys.executable).parent

PBX, PBX6 = "192.0.2.1", "2001:db8:1::1"
CUSTOMER = "192.0.2.20"
ATTACKERS = ("198.51.100.23", "203.0.113.22", "2001:db8:66::2")
NEIGHBOUR = "2001:db8:66::dead:beef"
VICTIM = "192.0.2.99"
PATIENCE = 300  # seconds, though all comes within one: the machine may be busy

RESPONDER = """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(("::", 5060))
print("ready", flush=True)
while True:
    _, peer = server.recvfrom(2000)
    server.sendto(b"SIP/2.0 200 OK\\r\\n\\r\\n", peer)
"""
PROBE = """
import socket, sys
source, target, seconds = sys.argv[1:]
family = socket.AF_INET6 if ":" in source else socket.AF_INET
client = socket.socket(family, socket.SOCK_DGRAM)
client.bind((source, 0))
client.settimeout(float(seconds))
client.sendto(b"OPTIONS sip:pbx SIP/2.0\\r\\n\\r\\n", (target, 5060))
try:
    print(client.recv(100).decode().split("\\r")[0])
except TimeoutError:
    print("")
"""


class Colors:
    """Colours, where the output is a terminal that has them."""

    on = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    @classmethod
    def put(cls, text: str, code: str) -> str:
        """Give a text in a colour."""
        return f"\x1b[{code}m{text}\x1b[0m" if cls.on else text


def bold(text: str) -> str:
    """Give a text in bold."""
    return Colors.put(text, "1")


def dim(text: str) -> str:
    """Give a text subdued."""
    return Colors.put(text, "2")


def red(text: str) -> str:
    """Give a text in red."""
    return Colors.put(text, "31")


def green(text: str) -> str:
    """Give a text in green."""
    return Colors.put(text, "32")


def step(number: int, title: str) -> None:
    """Begin a step of the story."""
    print(f"\n{bold(f'{number}. {title}')}", flush=True)


def run(argv: Sequence[str]) -> str:
    """Run a program and give what it prints."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


class Stage:
    """The two namespaces, what runs in them, and the way to take all of it down again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "full"
        self.socket = folder / "logban.sock"
        self.pbx, self.net = (f"logban-demo-{os.getpid()}-{name}" for name in ("pbx", "net"))
        self.processes: list[subprocess.Popen[str]] = []

    def inside(self, namespace: str, *argv: str) -> list[str]:
        """Give the command that runs another one in a namespace."""
        return ["ip", "netns", "exec", namespace, *argv]

    def build(self) -> None:
        """Make the namespaces and lay a cable between them."""
        for namespace in (self.pbx, self.net):
            run(["ip", "netns", "add", namespace])
            run(self.inside(namespace, "ip", "link", "set", "lo", "up"))
        cable = ["ip", "link", "add", "pbx0", "type", "veth", "peer", "net0", "netns", self.net]
        run(self.inside(self.pbx, *cable))
        for address in (f"{PBX}/24", f"{PBX6}/64"):
            run(
                self.inside(
                    self.pbx, "ip", "address", "add", address, "dev", "pbx0", *nodad(address)
                )
            )
        run(self.inside(self.pbx, "ip", "link", "set", "pbx0", "up"))
        run(self.inside(self.net, "ip", "link", "set", "net0", "up"))
        peers = ("192.0.2.254/24", "2001:db8:1::fe/64")
        alone = (*ATTACKERS, NEIGHBOUR, CUSTOMER, VICTIM)
        for address in (*peers, *(f"{each}/{128 if ':' in each else 32}" for each in alone)):
            run(
                self.inside(
                    self.net, "ip", "address", "add", address, "dev", "net0", *nodad(address)
                )
            )
        run(self.inside(self.pbx, "ip", "route", "add", "default", "via", "192.0.2.254"))
        run(self.inside(self.pbx, "ip", "-6", "route", "add", "default", "via", "2001:db8:1::fe"))

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start a program beside the telephone system."""
        log = (self.folder / "programs.log").open("a")
        process = subprocess.Popen(
            self.inside(self.pbx, *argv), stdout=subprocess.PIPE, stderr=log, text=True
        )
        log.close()
        self.processes.append(process)
        return process

    def said(self) -> str:
        """Give the last lines of what the programs said."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join((self.folder / "programs.log").read_text().splitlines()[-20:])
        return ""

    def client(self, *argv: str) -> str:
        """Run logban-client and give what it prints."""
        command = [str(PROGRAMS / "logban-client"), "--socket", str(self.socket), *argv]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout

    def banned(self) -> list[str]:
        """Give the subjects that are banned now."""
        answer = json.loads(self.client("banned", "--json") or "{}")
        return [ban["subject"].get("ip") or ban["subject"]["net"] for ban in answer.get("bans", [])]

    def sets(self) -> str:
        """Give the elements of the kernel's sets."""
        listing = run(self.inside(self.pbx, "nft", "list", "table", "inet", "logban"))
        words = ("set asterisk", "elements", "@asterisk")
        wanted = [line for line in listing.splitlines() if any(word in line for word in words)]
        return "\n".join(line.replace("\t", "  ") for line in wanted)

    def answers(self, source: str, seconds: float) -> bool:
        """Send a SIP request from an address and tell whether an answer comes."""
        target = PBX6 if ":" in source else PBX
        argv = self.inside(self.net, sys.executable, "-c", PROBE, source, target, str(seconds))
        return bool(run(argv).strip())

    def close(self) -> None:
        """Stop what was started and remove the namespaces."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
        for namespace in (self.pbx, self.net):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)


def nodad(address: str) -> list[str]:
    """Give what lets an IPv6 address be used at once."""
    return ["nodad"] if ":" in address else []


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Set the stage, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="logban-demo-"))
    made = Stage(folder)
    try:
        try:
            made.build()
        except subprocess.CalledProcessError as error:
            sys.exit(
                f"network namespaces can't be made here: {' '.join(error.cmd)}: "
                f"{error.stderr.strip()}\n"
                "Containers and chroots often forbid it: try it on a host, or in a virtual machine."
            )
        yield made
    except SystemExit:
        if made.said():
            print(dim(made.said()))
        raise
    finally:
        made.close()
        shutil.rmtree(folder)


def wait_for(what: str, holds: Callable[[], object]) -> None:
    """Wait until something holds; end the demonstration if it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(red(f"this should not happen: {what} did not come within {PATIENCE} s"))
        time.sleep(0.02)


def show_probes(scene: Stage, *, dropped: Sequence[str], answered: Sequence[str]) -> None:
    """Send a packet from each address and show what became of it; end if that is wrong."""
    for address in (*dropped, *answered):
        got = scene.answers(address, 0.6 if address in dropped else 60)
        verdict = green("200 OK") if got else red("dropped")
        print(f"   SIP request from {address:<24} {verdict}")
        if got is (address in dropped):
            sys.exit(red("this should not happen"))


def main() -> int:
    """Tell the story."""
    if os.geteuid() != 0:
        print("The demonstration makes network namespaces, which takes root: sudo make demo")
        return 1
    with stage() as scene:
        return play(scene, sys.argv[1] if len(sys.argv) > 1 else "15")


def play(scene: Stage, bantime: str) -> int:
    """Play it on a stage that is set."""
    print(bold("logban: from a line in a log to a packet dropped, and back"))
    print(dim("(in two network namespaces of its own; nothing on this host changes)"))

    step(1, "A telephone system, and a jail of eight lines")
    jail = (HERE / "jail.conf").read_text().replace("%(log)s", str(scene.log))
    jail = jail.replace("%(bantime)s", bantime)
    print("\n".join(f"   {line}" for line in jail.splitlines()))
    shutil.copytree(REPOSITORY / "filters.d", scene.folder / "filters.d")
    (scene.folder / "jails.d").mkdir()
    (scene.folder / "jails.d" / "demo.conf").write_text(jail)
    scene.log.touch()
    responder = scene.start(sys.executable, "-c", RESPONDER)
    assert responder.stdout is not None
    responder.stdout.readline()
    options = ["--config", scene.folder, "--state", scene.folder, "--socket", scene.socket]
    server = scene.start(str(PROGRAMS / "logban-server"), *map(str, options))
    # The first start after a fresh checkout has all of Python's code to compile.
    wait_for("the daemon", lambda: server.poll() is not None or scene.client("ping"))
    if server.poll() is not None:
        sys.exit(red("this should not happen: the daemon has ended"))
    show_probes(scene, dropped=(), answered=(*ATTACKERS, CUSTOMER))

    step(2, "Three attackers at once, the last one hopping about in his IPv6 network")
    with scene.log.open("a") as log:
        for line in (HERE / "attack.log").read_text().splitlines():
            log.write(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}] {line}\n")
            log.flush()
            print(f"   {dim(line[:150])}", flush=True)
            time.sleep(0.1)
    written = time.monotonic()
    wait_for("three bans", lambda: len(scene.banned()) == len(ATTACKERS))
    print(f"   all three banned {1000 * (time.monotonic() - written):.0f} ms after the last line")

    step(3, "Who is banned, and for how long")
    print(indented(scene.client("banned")))

    step(4, "What the kernel holds: sets whose elements end by themselves")
    print(indented(scene.sets()))

    step(5, "A ban is in force when packets are dropped")
    show_probes(scene, dropped=(*ATTACKERS, NEIGHBOUR), answered=(CUSTOMER, VICTIM))
    print(f"   {VICTIM} was named in an attacker's caller id and is no attacker.")

    step(6, "Why?")
    print(indented(scene.client("why", ATTACKERS[0])))

    step(7, f"The bans end after their bantime of {bantime} seconds")
    wait_for("the end of the bans", lambda: not scene.banned())
    show_probes(scene, dropped=(), answered=ATTACKERS)
    print(f"\n{green('That is the main job.')} Next, without root, what it makes of your own log:")
    print("  .venv/bin/logban-client replay /var/log/asterisk/full --jail asterisk --config .")
    print("then sudo make install, and docs/operations.md.")
    return 0


def indented(text: str) -> str:
    """Set a text off."""
    return "\n".join(f"   {line}" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    sys.exit(main())
