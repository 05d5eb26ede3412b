# SPDX-License-Identifier: MIT
"""Every error that logban raises on purpose.

A class is one sentence, an exit code and whether the admin can put it right.
The message says what is wrong, where (file:line, path, name) and what to do next.
The exit codes are the ones of sysexits.h where it has one (75, 78).
"""

from __future__ import annotations

from typing import ClassVar


class LogbanError(Exception):
    """Something went wrong that logban foresaw."""

    exit_code: ClassVar[int] = 1
    fixable: ClassVar[bool] = True


class UsageError(LogbanError):
    """The command was not written as it should be."""

    exit_code = 2


class DaemonNotRunning(LogbanError):
    """Nobody answers at the control socket."""

    exit_code = 3


class NotPermitted(LogbanError):
    """The caller may not do this."""

    exit_code = 4


class UnknownName(LogbanError):
    """There is no jail, filter or subject of that name."""

    exit_code = 5


class PartlyFailed(LogbanError):
    """Some of the targets were reached and others were not."""

    exit_code = 6


class ActionError(LogbanError):
    """An action could not do what it was asked; it will be tried again."""

    exit_code = 6


class TryAgain(LogbanError):
    """It did not work this time and may work later."""

    exit_code = 75


class ConfigurationError(LogbanError):
    """A configuration file says something that cannot be followed."""

    exit_code = 78


class LedgerError(LogbanError):
    """The database of bans cannot be read or written."""

    exit_code = 75


class LedgerDamaged(LedgerError):
    """The file of the database is not what it was when it was written."""


class LedgerUnwritable(LedgerError):
    """The disk of the database is full, read-only or broken."""
