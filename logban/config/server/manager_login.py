# SPDX-License-Identifier: MIT
"""The file that says where Asterisk's manager interface is, and as whom logban may ask there.

It is apart from ``logban.conf`` because it holds a secret: nobody but its owner may read it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from logban.config import parsers
from logban.config.files.ini import parse
from logban.config.files.text import joined
from logban.config.problem import did_you_mean
from logban.config.setting import Setting

SECTION: Final = "ami"
MAX_BYTES: Final = 65536

HOST: Final = Setting(
    "host", parsers.text, "127.0.0.1", "where Asterisk is", allowed="an address or a name"
)
PORT: Final = Setting(
    "port", parsers.whole_number(1, 65535), 5038, "the port of manager.conf", allowed="1 to 65535"
)
USER: Final = Setting("user", parsers.text, "", "the user, a section of manager.conf")
SECRET: Final = Setting("secret", parsers.text, "", "the user's secret")
LOGIN_SETTINGS: Final[tuple[Setting[str] | Setting[int], ...]] = (HOST, PORT, USER, SECRET)
"""What [ami] of the file knows."""

_KNOWN: Final = {setting.name: setting for setting in LOGIN_SETTINGS}


@dataclass(frozen=True, slots=True)
class ManagerLogin:
    """Where to ask, and as whom."""

    host: str
    port: int
    user: str
    secret: str = field(repr=False)


def login_file(written: str) -> Path | None:
    """Read the path of such a file; None if nothing is written.

    What it holds is looked at as far as whoever reads the configuration may do so.
    """
    if not written:
        return None
    path = Path(written)
    if not path.is_absolute() or "\0" in written:
        raise ValueError("an absolute path is needed")
    try:
        read_login(path)
    except PermissionError:
        return path  # the daemon may be somebody else, and says it if it can't read the file
    except OSError as failure:
        raise ValueError(f"{path} cannot be read: {failure.strerror}") from None
    return path


def read_login(path: Path) -> ManagerLogin:
    """Read the file; OSError if that can't be, ValueError with a sentence if it is wrong."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path} is no file")
        if stat.S_IMODE(mode) & 0o077:
            raise ValueError(f"{path} can be used by others than its owner; do: chmod 600 {path}")
        data = opened.read(MAX_BYTES)
    return _login_in(data, str(path))


def _login_in(data: bytes, shown: str) -> ManagerLogin:
    file = parse(data, shown)
    for stray in file.strays:
        raise ValueError(f"{stray.line.origin}: this is no `key = value`")
    section = file.sections.get(SECTION)
    if section is None:
        raise ValueError(f"{shown} has no section [{SECTION}]")
    texts = {}
    for key, value in section.values.items():
        setting = _KNOWN.get(key)
        if setting is None:
            hint = did_you_mean(key, _KNOWN) or f"known are {', '.join(_KNOWN)}"
            raise ValueError(f"{value.origin}: unknown key {key!r}; {hint}")
        texts[key] = joined(value.lines)
        if not texts[key].isprintable():
            raise ValueError(f"{value.origin}: {key} is to stand in one line")
    try:
        port = PORT.parse(texts["port"]) if "port" in texts else PORT.default
    except ValueError as failure:
        origin = section.values["port"].origin
        raise ValueError(f"{origin}: port: {failure}; allowed: {PORT.allowed}") from None
    for needed in (USER, SECRET):
        if not texts.get(needed.name):
            raise ValueError(f"{section.origin}: [{SECTION}] has no {needed.name}")
    host = texts.get("host") or HOST.default
    return ManagerLogin(host, port, texts["user"], texts["secret"])
