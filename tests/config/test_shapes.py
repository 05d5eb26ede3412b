# SPDX-License-Identifier: MIT
"""Files as they are found on hosts: whatever their shape, reading them tells of it by file:line."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logban.config import load, load_filter

PLACE = re.compile(r"[\w./-]+\.(?:conf|local):[1-9][0-9]*: ")
names = st.sampled_from(
    [
        "enabled",
        "filter",
        "logpath",
        "maxretry",
        "bantime",
        "_a",
        "b",
        "action",
        "failregex",
        "mode",
    ]
)
values = st.lists(
    st.sampled_from(
        [
            "%(b)s", "%(_a)s", "%(known/b)s", "%(DEFAULT/_a)s", "%(x/b)s", "%(no)s", "%(", "%%",
            "<HOST>", "<_a>", "<b<_a>>", "<mode>", "x[a=1]", "x[a='", "5", "10m", "yes", "/x", "%",
            "^a", " ; c", "#", "(", "\u00e9", "=", ":", "\x00",
        ]
    ),
    max_size=4,
).map("".join)  # fmt: skip
indents = st.sampled_from(["", "", "", " ", "    ", "\t", "\u00a0", " \t "])
lines = st.one_of(
    st.sampled_from(["[x]", "[DEFAULT]", "[Definition]", "[Init]", "[INCLUDES]", "[", "; c", ""]),
    st.tuples(names, st.sampled_from([" = ", "=", ": ", " "]), values).map("".join),
    values,
)
files = st.tuples(
    st.sampled_from(["", "\ufeff"]),
    st.lists(st.tuples(indents, lines).map("".join), max_size=15),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\n"]),
).map(lambda parts: (parts[0] + parts[2].join(parts[1]) + parts[3]).encode())


def tree(root: Path, jail: bytes, local: bytes, own_filter: bytes) -> Path:
    for name, data in (
        ("jails.d/x.conf", jail),
        ("jails.d/x.local", local),
        ("filters.d/x.conf", own_filter),
    ):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return root


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(files, files, files)
def test_whatever_files_look_like_every_problem_has_its_place(
    tmp_path: Path, jail: bytes, local: bytes, own_filter: bytes
) -> None:
    root = tree(tmp_path, jail, local, own_filter)
    problems = [*load(root).problems(), *load_filter("x", root).problems]
    assert all(PLACE.match(str(problem)) for problem in problems), problems


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["", "\ufeff"]), indents)
def test_the_same_jail_in_every_shape(tmp_path: Path, end: str, mark: str, indent: str) -> None:
    wanted = [
        "[DEFAULT]", "_time = 1", "maxretry = %(_n)s%(_n)s", "_n = 1", "; a comment", "[x]",
        "enabled = yes", "logpath = /var/log/a", f"  {indent}  # dropped",
        f"{indent}    /var/log/b",
        "bantime = %(_time)sh", "findtime = %(bantime)s", "filter = x[word='a, b']",
        "action = nftables",
    ]  # fmt: skip
    text = mark + end.join(wanted) + end
    own_filter = b"[Definition]\nfailregex = ^<word> <HOST>$\n[Init]\nword = c\n"
    configuration = load(tree(tmp_path, text.encode(), b"", own_filter))
    jail = configuration.jails["x"]
    assert [str(each) for each in configuration.problems()] == []
    assert (jail.maxretry, jail.bantime, jail.findtime) == (11, 3600, 3600)
    assert jail.filter is not None
    assert jail.filter.rules[0].expression.text == "^a, b <HOST>$"


def test_ten_thousand_lines(tmp_path: Path) -> None:
    addresses = "\n".join(f"    192.0.{n // 250}.{n % 250}  ; host {n}" for n in range(5000))
    rules = "\n".join(f"    ^no {n} from <HOST>$" for n in range(100))
    chain = "\n".join(f"_v{n} = %(_v{n + 1})s" for n in range(5000)) + "\n_v5000 = 7"
    jail = f"[DEFAULT]\n{chain}\n[x]\nenabled = yes\nlogpath = /x\nmaxretry = %(_v4995)s\n"
    jail += f"action = nftables\nignoreip =\n{addresses}\nnonsense!\n"
    root = tree(tmp_path, jail.encode(), b"", f"[Definition]\nfailregex =\n{rules}\n".encode())
    problems = [str(problem) for problem in load(root).problems()]
    assert any(each.startswith(f"jails.d/x.conf:{jail.count(chr(10))}: ") for each in problems)
    deep = root / "jails.d/x.local"
    deep.write_text("[x]\nmaxretry = %(_v0)s\n")
    assert all(PLACE.match(str(problem)) for problem in load(root).problems())
