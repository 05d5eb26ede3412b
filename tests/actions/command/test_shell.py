# SPDX-License-Identifier: MIT
"""fail2ban's shell commands: tags become variables, and no value ever becomes a command."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logban.actions.command.shell import HOSTILE, VARIABLES, translate

IP, LINES, USER = "${LOGBAN_IP}", "${LOGBAN_LINES}", "${LOGBAN_F_USER}"


def said(text: str, **variables: str) -> str:
    """Run a translated script in a real shell and give what it prints."""
    environment = {"PATH": os.environ["PATH"]}
    environment |= {f"LOGBAN_{name}": value for name, value in variables.items()}
    done = subprocess.run(
        ["/bin/sh", "-c", translate(text)],
        env=environment,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("ipset add x <ip>", f"ipset add x {IP}"),
        ('echo "<ip> <matches>"', f'echo "{IP} {LINES}"'),
        ("echo <matches>", f'echo "{LINES}"'),
        ("echo '<ip>'", f"echo ''\"{IP}\"''"),
        ("echo a'b<ip>'c", f"echo a'b'\"{IP}\"''c"),
        ("echo user=<F-USER>", f'echo user="{USER}"'),
        ('x=$(echo "<matches>" | tr a b); echo $x', f'x=$(echo "{LINES}" | tr a b); echo $x'),
        ('echo "$(date) <matches>"', f'echo "$(date) {LINES}"'),
        ('echo "a\\"b <matches>"', f'echo "a\\"b {LINES}"'),
        ("echo $(( <time> + 1 ))", "echo $(( ${LOGBAN_TIME} + 1 ))"),
        ("# don't\necho <matches>", f'# don\'t\necho "{LINES}"'),
        ("cat <<E\n<matches>\nE\necho <F-USER>", f'cat <<E\n{LINES}\nE\necho "{USER}"'),
        ("case x in a) echo <matches>;; esac", f'case x in a) echo "{LINES}";; esac'),
        ("cat <<<word <matches>", f'cat <<<word "{LINES}"'),
        ("sort <in >out <other>", "sort <in >out <other>"),
        ("echo a<br>b<sp>c", "echo a\nb c"),
    ],
)
def test_a_tag_becomes_a_variable(text: str, script: str) -> None:
    assert translate(text) == script


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("awk '/x/ {print \"<matches>\"}'", "awk would take a part"),
        ("eval echo <F-USER>", "eval would take a part"),
        ('sh -c "echo <matches>"', "sh would take a part"),
        ('echo "<matches>" | /usr/bin/mysql x', "mysql would take a part"),
        ('echo "<matches>" | at now', "at would take a part"),
        ("ssh host notify <F-USER>", "ssh would take a part"),
        ("printf '<matches>'", "put it in double quotes"),
        ("echo `logger <matches>`", "put it in double quotes"),
        ("echo $(( <F-COUNT> ))", "put it in double quotes"),
        ("cat <<'E'\n<matches>\nE", "takes no variables"),
        ("cat <<E\n<matches>", "here-document does not end"),
        ("echo 'it <ip>", "quotes do not match"),
        ('echo "it <ip>', "quotes do not match"),
        ("echo <ip-host>", "the name of an address is its owner's"),
        ("echo <jail.banned>", "an action is not told"),
    ],
)
def test_what_cannot_be_safe_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        translate(text)


@pytest.mark.parametrize("text", ["CMD=perl; $CMD -e <matches>", '"perl" -e "<matches>"'])
def test_a_program_by_another_road_is_found(text: str) -> None:
    with pytest.raises(ValueError, match="perl would take"):
        translate(text)


def test_a_word_of_a_sentence_is_no_program() -> None:
    assert translate('curl --data "service=php" "<matches>"').endswith(f'"{LINES}"')
    assert translate('echo "banned at <matches>, watch it"').startswith("echo")


HOSTILE_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60) | (
    st.sampled_from(
        [
            "$(touch x)",
            "`touch x`",
            "'; touch x; '",
            '"; touch x; "',
            "\\",
            "* ?",
            "-n",
            "\n#",
            "$IFS",
        ]
    )
)
FORMS = (
    "printf '%s' <matches>",
    'printf "%s" "<matches>"',
    'x="<matches>"; printf %s "$x"',
    'x=<matches>; printf "%s" "${x}"',
    'printf %s "$(printf %s. "<matches>")" | tr -d \'\' ; true',
)


@pytest.mark.parametrize("form", FORMS)
@given(value=HOSTILE_TEXTS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_is_ever_a_command(tmp_path: Path, form: str, value: str) -> None:
    # A command would be seen by what it prints; a file would be made in this directory.
    told = said(f"cd {tmp_path}; {form}", LINES=value)
    assert told.removesuffix(".") == value.removesuffix(".") or "$(" in form
    assert list(tmp_path.iterdir()) == []


def test_a_here_document_holds_the_text_as_it_is() -> None:
    text = "$(id) `id` \\ '\" end"
    assert said("cat <<E\na <matches>\nE", LINES=text) == f"a {text}\n"


def test_no_tag_is_both_safe_and_hostile() -> None:
    assert VARIABLES.keys().isdisjoint(HOSTILE)


@given(st.text(st.sampled_from("'\"`$()<>ip\\# \nE;a{}"), max_size=40))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        translate(text)
    except ValueError:
        return
