# SPDX-License-Identifier: MIT
"""The settings of logban.conf that say who is told how the daemon does, and who commands it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from logban.actions import catalogue
from logban.actions.declaration import ActionSpec, ParameterError, UnknownAction
from logban.config.files.parameters import SelectionError, parse_selections
from logban.config.files.text import BUILT_IN, TextLine

_ACCOUNT: Final = re.compile(r"@?[A-Za-z_][\w.-]{0,63}\$?", re.ASCII)
_EMAIL: Final = "email"
ALARM_PARAMETERS: Final = (
    "dest", "sender", "sendername", "mta", "sendmail", "smtp", "tls", "tls_verify", "tls_ca",
    "user", "password_file", "timeout",
)  # fmt: skip
"""What of the action ``email`` means something for a mail that tells of alarms."""


def alarm(written: str) -> ActionSpec | None:
    """Read ``email[dest=..., ...]``; None if nothing is written."""
    try:
        selections = parse_selections((TextLine(written, BUILT_IN),))
    except SelectionError as failure:
        raise ValueError(failure.problem.message) from None
    if not selections:
        return None
    if len(selections) > 1:
        raise ValueError("one mail is enough; `dest` takes several addresses")
    selection = selections[0]
    try:
        kind, _ = catalogue.find(selection.name)
        if kind.name != _EMAIL:
            raise ValueError(f"alarms are told by email, not by {selection.name}")
        for name in selection.parameters:
            if name not in ALARM_PARAMETERS:
                known = ", ".join(ALARM_PARAMETERS)
                raise ValueError(f"a mail of alarms has no {name}; there are {known}")
        return catalogue.parse("logban", _EMAIL, selection.parameters)
    except (UnknownAction, ParameterError) as failure:
        raise ValueError(str(failure)) from None


def metrics_file(written: str) -> Path | None:
    """Read the path of a file for metrics; None if nothing is written."""
    if not written:
        return None
    path = Path(written)
    if not path.is_absolute() or "\0" in written:
        raise ValueError("an absolute path is needed")
    if path.suffix != ".prom":
        raise ValueError("node_exporter reads files whose names end in .prom")
    _need_prometheus()
    return path


def metrics_port(written: str) -> int | None:
    """Read the port for metrics; None if nothing is written."""
    if not written:
        return None
    if not written.isascii() or not written.isdigit() or not 0 < int(written[:6]) < 65536:
        raise ValueError("it is no port from 1 to 65535")
    _need_prometheus()
    return int(written)


def operators(written: str) -> tuple[str, ...] | None:
    """Read users and @groups; None if nothing is written."""
    words = tuple(dict.fromkeys(re.split(r"[\s,]+", written.strip()))) if written.strip() else ()
    for word in words:
        if not _ACCOUNT.fullmatch(word):
            raise ValueError(f"{word!r} is neither the name of a user nor a @group")
    if words == ("nobody",):
        return ()
    return words or None


def _need_prometheus() -> None:
    if find_spec("prometheus_client") is None:
        raise ValueError(
            "the package prometheus_client is not installed; apt install "
            "python3-prometheus-client, or pip install 'logban[metrics]'"
        )
