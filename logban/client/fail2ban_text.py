# SPDX-License-Identifier: MIT
"""What fail2ban-client prints, character by character: scripts parse it."""

from __future__ import annotations

from collections.abc import Sequence

from logban.client.output import moment
from logban.control.payloads import AllowEntry, BanView, JailDetail, JailState, Status
from logban.text import visible


def all_jails(status: Status) -> str:
    """Write ``status``."""
    names = running(status)
    return (
        f"Status\n|- Number of jail:\t{len(names)}\n`- Jail list:\t{', '.join(map(visible, names))}"
    )


def running(status: Status) -> list[str]:
    """Name the jails that fail2ban would have: those whose files can be followed."""
    return sorted(jail.name for jail in status.jails if jail.state is not JailState.FAILED)


def one_jail(detail: JailDetail) -> str:
    """Write ``status JAIL``."""
    jail = detail.jail
    return "\n".join(
        (
            f"Status for the jail: {visible(jail.name)}",
            "|- Filter",
            f"|  |- Currently failed:\t{jail.tracked}",
            f"|  |- Total failed:\t{jail.failures_total}",
            f"|  `- File list:\t{visible(' '.join(jail.files))}",
            "`- Actions",
            f"   |- Currently banned:\t{len(detail.bans)}",
            f"   |- Total banned:\t{jail.banned_total}",
            f"   `- Banned IP list:\t{' '.join(map(subject, detail.bans))}",
        )
    )


def subject(ban: BanView) -> str:
    """Write who is banned."""
    return visible(str(ban.subject))


def with_time(ban: BanView) -> str:
    """Write a ban as fail2ban's BanManager.getBanList does; one for ever ends in the year 9999."""
    if ban.until is None:
        span, until = -1.0, "9999-12-31 23:59:59"
    else:
        span, until = ban.until - ban.time, moment(ban.until)
    return f"{subject(ban)} \t{moment(ban.time)} + {span:.0f} = {until}"


def exempt(entries: Sequence[AllowEntry]) -> str:
    """Write ``get JAIL ignoreip``."""
    return listed(
        "These IP addresses/networks are ignored:",
        [entry.entry for entry in entries],
        "No IP address/network is ignored",
    )


def files(paths: Sequence[str]) -> str:
    """Write ``get JAIL logpath``."""
    return listed("Current monitored log file(s):", paths, "No file is currently monitored")


def listed(title: str, entries: Sequence[str], otherwise: str) -> str:
    """Write a list with its branches, or what stands for an empty one."""
    if not entries:
        return otherwise
    shown = [visible(entry) for entry in entries]
    return "\n".join((title, *(f"|- {entry}" for entry in shown[:-1]), f"`- {shown[-1]}"))
