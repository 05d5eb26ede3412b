# SPDX-License-Identifier: MIT
"""What a jail that judges with scrutiny thinks of a subject, in sentences for its admin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from logban.judging.places import IPV4_AROUND, network_of, networks_around
from logban.judging.scrutiny.charging import Charging
from logban.judging.scrutiny.customers import LENIENCE
from logban.judging.scrutiny.trust import KNOWN_FOR, Pair
from logban.model import Subject, SubjectKind
from logban.text import visible

USERS_SHOWN: Final = 10
_NEVER: Final = float("-inf")


def explain(charging: Charging, subject: Subject, now: float) -> Iterator[str]:
    """Say where a subject stands, and what the next failure would lead to."""
    match subject.kind:
        case SubjectKind.IP | SubjectKind.NET:
            yield from _of_place(charging, subject.network, now)
        case SubjectKind.USER_IP:
            known = charging.trust.get(charging.place_of(subject))
            pair = known.users.get(subject.user) if known is not None else None
            yield (_of_pair(subject.user, pair, now) if pair else f"nothing is known of {subject}")
        case SubjectKind.USER:
            yield from _of_account(charging, subject.user, now)


def _of_place(charging: Charging, place: str, now: float) -> Iterator[str]:
    trust = charging.trust.get(place)
    limit = float(charging.limit.maxretry)
    if trust is not None:
        if trust.until > now:
            limit *= LENIENCE
            yield f"{place} is trusted until {_moment(trust.until)}"
        elif trust.lost > _NEVER:
            yield f"{place} lost its trust by abuse at {_moment(trust.lost)}"
        elif trust.until > _NEVER:
            yield f"{place} was trusted until {_moment(trust.until)}"
        users = sorted(trust.users.items(), key=lambda item: -item[1].last)
        for user, pair in users[:USERS_SHOWN]:
            yield _of_pair(user, pair, now)
        if len(users) > USERS_SHOWN:
            yield f"and {len(users) - USERS_SHOWN} users more"
    tracked = charging.places.get(place, now)
    total, slow = (tracked.total, tracked.slow) if tracked is not None else (0.0, 0.0)
    if tracked is not None:
        yield (
            f"jail {charging.jail}: its failures weigh {total:.4g} of {limit:g} that ban; in the "
            f"day's window {slow + len(tracked.times):.4g} of {charging.slow_limit.maxretry}"
        )
    what = "would ban it" if total + 1 >= limit else f"would make it {total + 1:.4g} of {limit:g}"
    whose = "of a user who is not known there " if trust is not None and trust.users else ""
    yield f"jail {charging.jail}: one more wrong password {whose}{what}"
    yield from _of_networks(charging, place, now)


def _of_networks(charging: Charging, place: str, now: float) -> Iterator[str]:
    """Say how the networks around a place stand, and a network itself that is one."""
    address, _, prefix = place.partition("/")
    if ":" not in place and prefix not in ("", str(IPV4_AROUND)):
        return
    for key in networks_around(address):
        counted, enough = charging.crowds.counted(key, now)
        network = network_of(key)
        if charging.trust.is_inside(key):
            yield f"its network {network} can't be banned: users are known in it"
        elif counted:
            yield (
                f"jail {charging.jail}: what has failed lately in its network {network} comes to "
                f"{counted} of {enough}"
            )


def _of_pair(user: str, pair: Pair, now: float) -> str:
    """Say how a user stands at a place."""
    shown = visible(user, 64)
    if pair.last == _NEVER:
        said = f"user {shown} has never got in there"
    elif pair.last <= now - KNOWN_FOR:
        said = f"user {shown} got in there last at {_moment(pair.last)}, too long ago to be known"
    else:
        said = f"user {shown} is known there, and got in last at {_moment(pair.last)}"
    if pair.failed:
        said += f"; failed {'once' if pair.failed == 1 else f'{pair.failed} times'} since"
        if pair.told:
            said += f", told of at {_moment(pair.noticed)}: the telephone has a wrong password"
    return said


def _of_account(charging: Charging, user: str, now: float) -> Iterator[str]:
    shown = visible(user, 64)
    if charging.crowds.accounts.is_protected(user, now):
        yield f"jail {charging.jail}: account {shown} is attacked from many places, and protected"
    else:
        places = charging.crowds.accounts.places(user)
        failed = "1 place has" if places == 1 else f"{places} places have"
        yield f"jail {charging.jail}: {failed} failed with the name {shown} lately"
    if charging.trust.is_owned(user, now):
        yield f"user {shown} gets in: his own places go on whatever others do"


def _moment(time: float) -> str:
    """Write a moment in the host's time, as the client writes those beside it."""
    return datetime.fromtimestamp(time, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
