# SPDX-License-Identifier: MIT
"""The actions that tell people or programs: what they can be told in a jail file.

Read whenever the configuration is; what sends and runs is in the modules named here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from logban.actions.declaration import (
    ActionSpec,
    ActionType,
    Parameter,
    ParameterError,
    yes_or_no,
)
from logban.actions.mail.server import (
    HOSTNAME_TAG,
    Endpoint,
    Mta,
    TemplateFile,
    Tls,
    check_private,
)
from logban.durations import parse_duration
from logban.model import ChangeKind


def _text(text: str) -> str:
    stripped = text.strip()
    if not stripped.isprintable():
        raise ValueError("it holds control characters or other invisible ones")
    return stripped


def _span(text: str) -> float:
    seconds = parse_duration(text)
    if not 0 < seconds <= 3600:
        raise ValueError("a time limit is more than 0 seconds and at most an hour")
    return seconds


def _gathering(text: str) -> float | None:
    if text.strip().lower() in {"never", "no"}:
        return None
    seconds = parse_duration(text)
    if not 10 <= seconds <= 86400:
        raise ValueError("mails are gathered for 10 seconds to a day, or never")
    return seconds


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None
    if not 0 <= count <= 1000:
        raise ValueError("it is a number from 0 to 1000")
    return count


def _path(text: str) -> Path:
    path = Path(_text(text))
    if not path.is_absolute():
        raise ValueError(f"{text!r} is no absolute path")
    return path


_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253})", re.ASCII)


def _endpoint(text: str) -> Endpoint:
    written = text.strip()
    found = re.fullmatch(r"(?:\[(?P<six>[^]]*)\]|(?P<host>[^:]*))(?::(?P<port>\d+))?", written)
    if found is None:
        raise ValueError(f"{text!r} is no server; write host, host:port or [IPv6 address]:port")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"there is no port {port}")
    if found["six"] is not None:
        try:
            return Endpoint(str(ipaddress.IPv6Address(found["six"])), port)
        except ValueError:
            raise ValueError(f"{found['six']!r} is no IPv6 address") from None
    if not _HOST.fullmatch(found["host"]):
        raise ValueError(f"{found['host']!r} is no name of a server")
    return Endpoint(found["host"].lower(), port)


# A local part that begins with "-" is an option to the sendmail program, one that begins with
# "|" or "/" is a program or a file to it; none is anybody's address.
_LOCAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9!#$%&'*+/=?^_{}~.-]{0,63}", re.ASCII)
_DOMAIN = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[(?:IPv6:)?[0-9A-Fa-f.:]+\]", re.ASCII
)


def _address(text: str) -> str:
    """Check one address, or a local name; ValueError if no mail could go there."""
    written = text.strip()
    checked = written.replace(HOSTNAME_TAG, "localhost")
    if not checked.isascii():
        raise ValueError(f"{text!r} is not plain ASCII; write the domain in its xn-- form")
    local, at, domain = checked.partition("@")
    if len(checked) > 254 or not _LOCAL.fullmatch(local) or (at and not _DOMAIN.fullmatch(domain)):
        raise ValueError(f"{text!r} is no mail address")
    return written


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(_address(part) for part in re.split(r"[;, \t\r\n]+", text) if part))
    if not found:
        raise ValueError("no address is given")
    return found


def _tell(text: str) -> frozenset[ChangeKind]:
    words = re.split(r"[,;\s]+", text.strip().lower())
    try:
        return frozenset(ChangeKind(word) for word in words)
    except ValueError:
        raise ValueError(f"{text!r} is no list of {', '.join(ChangeKind)}") from None


def _choice(kind: type[Mta | Tls]) -> Callable[[str], Mta | Tls]:
    def parse(text: str) -> Mta | Tls:
        try:
            return kind(text.strip().lower())
        except ValueError:
            raise ValueError(f"{text!r} is none of {', '.join(kind)}") from None

    return parse


def _password_file(text: str) -> Path:
    path = _path(text)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ValueError(f"{path} cannot be used: {error.strerror}") from None
    check_private(path, mode)
    return path


# jinja2 and the two actions are read only where a jail uses what needs them: hence the imports
# within functions.


def _mail_subject(text: str) -> str:
    from logban.actions.mail.action import check_template  # noqa: PLC0415 - see above

    check_template(_text(text))
    return text.strip()


def _mail_template(text: str) -> TemplateFile:
    from logban.actions.mail.action import check_template  # noqa: PLC0415 - see above

    path = _path(text)
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    try:
        check_template(source)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return TemplateFile(path, source)


def _command_line(event: str) -> Callable[[str], object]:
    def parse(text: str) -> object:
        from logban.actions.command.line import CommandLine  # noqa: PLC0415 - see above

        return CommandLine.parse(event, text)

    return parse


def _check_email(spec: ActionSpec) -> None:
    """Raise ParameterError where a password could not be used, or would go out in clear."""
    user = spec.optional("user", str)
    endpoint = spec.optional("smtp", Endpoint)
    if user is None:
        return
    if endpoint is None:
        raise ParameterError("`user` is for a server, and `smtp` names none", "user")
    if spec.parameters["password_file"] is None:
        raise ParameterError("`user` needs a `password_file`", "user")
    if not user.isascii():
        raise ParameterError(f"user {user!r} is not plain ASCII", "user")
    if spec.value("tls", Tls) is Tls.NONE and not endpoint.is_loopback:
        raise ParameterError(f"with tls = none the password would go to {endpoint} in clear", "tls")


def _files_of_email(spec: ActionSpec) -> Iterator[Path]:
    template = spec.optional("template", TemplateFile)
    named = (spec.optional(name, Path) for name in ("password_file", "tls_ca"))
    if template is not None:
        yield template.path
    yield from (path for path in named if path is not None)


def _check_command(spec: ActionSpec) -> None:
    """Raise ParameterError where nothing would ever be run."""
    if all(spec.parameters[event] is None for event in COMMAND_EVENTS):
        raise ParameterError("no command is given; write for instance ban = /path {{ ip }}", "ban")


def _keeps_users_out(spec: ActionSpec) -> bool:
    """Tell whether the program is told of a user and his address, and can tell him from others."""
    from logban.actions.command.line import CommandLine  # noqa: PLC0415 - see above

    line = spec.parameters["ban"]
    return isinstance(line, CommandLine) and "user" in line.text and "ip" in line.text


def _commands(spec: ActionSpec) -> Iterator[Sequence[str]]:
    from logban.actions.command.line import CommandLine  # noqa: PLC0415 - see above

    for event in COMMAND_EVENTS:
        line = spec.parameters[event]
        if isinstance(line, CommandLine):
            yield [word for word, _ in line.arguments]


def _not_followed(reason: str, *names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, str, None, "taken for fail2ban's sake", reason) for name in names)


COMMAND_EVENTS = ("ban", "unban", "extend", "start", "stop")
"""When a command can be run; each is the name of a parameter."""

EMAIL = ActionType(
    name="email",
    module="logban.actions.mail.action",
    doc="tell people of a ban by mail",
    parameters=(
        Parameter("name", _text, "", "what the mail calls the jail; without it, the jail's name"),
        Parameter("dest", _addresses, ("root",), "who gets it; several, parted by ; , or space"),
        Parameter("sender", _address, "logban", "the address that it comes from"),
        Parameter("sendername", _text, "logban", "the name that it comes from"),
        Parameter(
            "tell",
            _tell,
            frozenset({ChangeKind.BAN, ChangeKind.NOTICE}),
            "what is told: any of ban, extend, lift, expire, notice",
        ),
        Parameter(
            "burst",
            _count,
            5,
            "how many mails are sent one by one within the span of `digest`; what comes beyond is "
            "gathered for one mail that lists all of it",
        ),
        Parameter(
            "digest",
            _gathering,
            600.0,
            "how long it is gathered, 10m for instance; never: every change has a mail of its own",
        ),
        Parameter("lines", _count, 20, "how many log lines behind the ban are shown at most"),
        Parameter("whois", yes_or_no, False, "whether to say whose the address is"),
        Parameter(
            "whois_server",
            _endpoint,
            None,
            "where to ask that, host[:port]; without it the whois program finds out",
        ),
        Parameter("subject", _mail_subject, None, "a template for the Subject line"),
        Parameter("template", _mail_template, None, "the path of a template for the text"),
        Parameter(
            "mta",
            _choice(Mta),
            Mta.AUTO,
            "how it is sent: sendmail, smtp, or auto: SMTP if `smtp` is given, else the sendmail "
            "program if there is one, else SMTP to localhost",
        ),
        Parameter("sendmail", _path, Path("/usr/sbin/sendmail"), "where the sendmail program is"),
        Parameter("smtp", _endpoint, None, "the SMTP server, host[:port]"),
        Parameter(
            "tls",
            _choice(Tls),
            Tls.AUTO,
            "tls (from the first byte), starttls, none, or auto: starttls if the server offers it",
        ),
        Parameter("tls_verify", yes_or_no, True, "whether the server must prove who it is"),
        Parameter("tls_ca", _path, None, "the certificates to trust, instead of the system's"),
        Parameter("user", _text, None, "the name to log in to the SMTP server with"),
        Parameter("password_file", _password_file, None, "a file, mode 0600, with the password"),
        Parameter("timeout", _span, 30.0, "how long sending one mail may take"),
        *_not_followed(
            "the lines shown are those that the ban was decided on, and `lines` limits them",
            *("logpath", "grepmax", "grepopts", "greplimit"),
        ),
        *_not_followed("no shell is run; see `mta`, `smtp` and `sendmail`", "mailcmd"),
        *_not_followed(
            "no shell is run; see `whois` and `whois_server`",
            *("_whois", "_whois_command", "_whois_target_charset", "_whois_convert_charset"),
        ),
        *_not_followed(
            "no shell is run and no mail is sent when a jail starts or stops; see `tell` and "
            "`template`, or the action `command`",
            *("actionstart", "actionstop", "actioncheck", "actionban", "actionunban"),
        ),
        *_not_followed("a restored ban is never told again", "norestored"),
        *_not_followed("an action needs no name of its own here", "actname"),
        *_not_followed("a mail does not depend on it", "port", "protocol", "chain", "bantime"),
        *_not_followed("every ban is told at once, and `tmpfile` is not needed", "tmpfile"),
        *_not_followed("where an address is from is not looked up", "geoip"),
    ),
    check=_check_email,
    programs=lambda spec: [[str(spec.value("sendmail", Path))]],
    files=_files_of_email,
    aliases={
        "sendmail": {"whois": "no"},
        "sendmail-whois": {"whois": "yes"},
        "sendmail-whois-lines": {"whois": "yes"},
        "sendmail-whois-matches": {"whois": "yes"},
        "sendmail-whois-ipmatches": {"whois": "yes"},
        "sendmail-whois-ipjailmatches": {"whois": "yes"},
        "sendmail-geoip-lines": {"whois": "no"},
        "sendmail-buffered": {"whois": "no"},
        "mail": {"whois": "no"},
        "mail-whois": {"whois": "yes"},
        "mail-whois-lines": {"whois": "yes"},
        "mail-buffered": {"whois": "no"},
    },
    remarks={
        **dict.fromkeys(
            ("sendmail-whois-ipmatches", "sendmail-whois-ipjailmatches"),
            "the mail shows the lines behind this ban, not those of the address's earlier bans",
        ),
        "sendmail-geoip-lines": "the mail does not say where the address is from",
        **dict.fromkeys(
            ("sendmail-buffered", "mail-buffered"), "each ban is told at once, in a mail of its own"
        ),
    },
)

COMMAND = ActionType(
    name="command",
    module="logban.actions.command.action",
    doc="run programs of the admin's for a ban and its end, without a shell",
    parameters=(
        Parameter("ban", _command_line("ban"), None, "what to run for a ban"),
        Parameter("unban", _command_line("unban"), None, "what to run when a ban has ended"),
        Parameter(
            "extend",
            _command_line("extend"),
            None,
            "what to run when a ban gets another end; without it nothing is",
        ),
        Parameter("start", _command_line("start"), None, "what to run before the first ban"),
        Parameter("stop", _command_line("stop"), None, "what to run when the daemon stops"),
        Parameter("timeout", _span, 60.0, "how long one run may take"),
        Parameter(
            "restored",
            yes_or_no,
            True,
            "whether `ban` is run also for bans that are older than the daemon's start",
        ),
        Parameter(
            "firewall",
            yes_or_no,
            False,
            "whether the programs may change the firewall, as the daemon may: with CAP_NET_ADMIN "
            "and CAP_NET_RAW; without, they have no capabilities",
        ),
    ),
    check=_check_command,
    suspends=_keeps_users_out,
    programs=_commands,
    aliases={},
)
