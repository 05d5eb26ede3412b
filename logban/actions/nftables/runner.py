# SPDX-License-Identifier: MIT
"""nft's language, spoken to the kernel: through the library, or through the program."""

from __future__ import annotations

import shutil
from enum import StrEnum
from typing import Protocol

from logban.actions import process
from logban.actions.nftables.libnftables import LibraryContext, NftError
from logban.actions.protocols import Missing
from logban.errors import ActionError

_LIMIT = 1 << 30  # bytes of a listing; a million elements are some 70 MB
_TIMEOUT = 60.0  # seconds for one transaction or listing


class Library(StrEnum):
    """Whether libnftables is used: if it is there, in any case, or not at all."""

    AUTO = "auto"
    YES = "yes"
    NO = "no"


class Runner(Protocol):
    """Runs a batch of nft's commands as one transaction."""

    def run(self, commands: str, *, json_output: bool = False, terse: bool = False) -> str:
        """Give what nft prints, terse without elements; ActionError with its own words.

        Missing where a table, chain or set that is named is not there.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def open_runner(library: Library) -> Runner:
    """Give the runner that the host allows, in the network namespace of the calling thread."""
    if library is not Library.NO:
        try:
            return LibraryRunner()
        except OSError as error:
            if library is Library.YES:
                raise ActionError(
                    f"libnftables cannot be used ({error}); install it (Debian: libnftables1) "
                    "or write library=no to use the nft program"
                ) from error
    return ProgramRunner()


class LibraryRunner:
    """Keeps one context of libnftables; OSError where there is no library."""

    def __init__(self) -> None:
        self._context = LibraryContext()

    def run(self, commands: str, *, json_output: bool = False, terse: bool = False) -> str:
        """Run the commands in the library."""
        try:
            return self._context.run(commands, json_output=json_output, terse=terse)
        except NftError as failure:
            raise explain(str(failure)) from failure

    def close(self) -> None:
        """Free the context."""
        self._context.close()


class ProgramRunner:
    """Starts the nft program for each batch."""

    def __init__(self) -> None:
        program = shutil.which("nft", path=process.ENVIRONMENT["PATH"])
        if program is None:
            raise ActionError("there is no nft program; install it (Debian: nftables)")
        self._program = program

    def run(self, commands: str, *, json_output: bool = False, terse: bool = False) -> str:
        """Run the commands in a new process."""
        options = ("-jt" if terse else "-j", commands) if json_output else ("-f", "-")
        given = b"" if json_output else commands.encode()
        try:
            finished = process.run(
                [self._program, *options],
                timeout=_TIMEOUT,
                limit=_LIMIT,
                given=given,
                firewall=True,
            )
        except OSError as error:
            raise ActionError(f"{self._program} cannot be run: {error}") from error
        if finished.timed_out:
            raise ActionError(f"nft did not end within {_TIMEOUT:.0f} seconds")
        output = finished.output.decode("utf-8", "replace")
        if finished.code != 0:
            raise explain(output)
        return output

    def close(self) -> None:
        """Hold nothing, so let go of nothing."""


def explain(words: str) -> ActionError:
    """Give the error that nft's words mean; they are kept, the echo of the commands is not."""
    errors = [line for line in words.splitlines() if "rror" in line] or words.split("\n", 1)[:1]
    said = "; ".join(dict.fromkeys(line.strip() for line in errors[:3]))[:500]
    if "Operation not permitted" in words:
        return ActionError(
            f"the kernel refuses: {said}. logban-server needs the capability CAP_NET_ADMIN "
            "(root, or AmbientCapabilities= in its unit)"
        )
    if "Too many open files in system" in words:  # ENFILE is how the kernel says it
        return ActionError(
            f"the set is full: {said}. Give the action a larger size=, or shorter bans"
        )
    if "No such file or directory" in words:
        return Missing(f"a table, chain or set is not there: {said}")
    return ActionError(f"nft: {said}")
