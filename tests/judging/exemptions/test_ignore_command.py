# SPDX-License-Identifier: MIT
"""What an admin's program is asked, and what its answer means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from logban.judging.exemptions.enquiries import Enquiries
from logban.judging.exemptions.exemption import Exemption
from logban.judging.exemptions.ignore_command import IgnoreCommand
from logban.model import Subject, SubjectKind, Verdict
from logban.testing.clock import FakeClock

WORDS = ("/bin/x", "<ip>/<fid>", "<family>", "<failures> <time>", "<name>", "<jail.name>")


def verdict(subject: str = "198.51.100.7") -> Verdict:
    return Verdict("pbx", Subject.parse(subject), 1000.7, 1600.0, 5, "rule")


class Programs:
    """Runs nothing; exits with what a test says."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.error: Exception | None = None
        self.ran: list[list[str]] = []

    def __call__(self, argv: Sequence[str]) -> int:
        self.ran.append(list(argv))
        if self.error is not None:
            raise self.error
        return self.code


def asked(programs: Programs, what: Verdict, words: Sequence[str] = WORDS) -> Exemption | None:
    with ThreadPoolExecutor(1) as threads:
        return asyncio.run(IgnoreCommand(words, 0.0, programs, threads).ask(what))


def test_exit_code_0_exempts() -> None:
    programs = Programs()
    assert asked(programs, verdict()) == Exemption("/bin/x", "ignorecommand of [pbx]")
    assert programs.ran == [
        ["/bin/x", "198.51.100.7/198.51.100.7", "inet4", "5 1000", "pbx", "pbx"]
    ]
    asked(programs, verdict("2001:db8:66::1"), ("/bin/x", "<ip>", "<family>"))
    assert programs.ran[1] == ["/bin/x", "2001:db8:66::/64", "inet6"]


@pytest.mark.parametrize("code", [1, 2, -9])
def test_any_other_code_does_not(code: int) -> None:
    assert asked(Programs(code), verdict()) is None


def test_a_program_that_can_not_be_run_exempts_nobody() -> None:
    programs = Programs()
    programs.error = FileNotFoundError(2, "No such file or directory", "/bin/x")

    async def story() -> None:
        enquiries = Enquiries(FakeClock())
        with ThreadPoolExecutor(1) as threads:
            enquiries.set_jail("pbx", [IgnoreCommand(WORDS, 60.0, programs, threads)])
            answer = await enquiries.ask(verdict())
        assert answer.exemption is None
        assert "No such file" in answer.error

    asyncio.run(story())


def test_an_account_has_no_address_to_ask_about() -> None:
    with ThreadPoolExecutor(1) as threads:
        command = IgnoreCommand(WORDS, 0.0, Programs(), threads)
    user = Subject(SubjectKind.USER, user="2001")
    assert not command.concerns(Verdict("pbx", user, 1.0, 2.0, 1, "rule"))
    assert command.concerns(verdict())
