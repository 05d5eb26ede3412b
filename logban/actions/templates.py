# SPDX-License-Identifier: MIT
"""Templates that an admin writes and hostile text is put into: mails, command lines.

Both environments are sandboxed, so that no attribute of a value leads out of it, and strict: a
name that is not known is an error when the configuration is read.  Neither escapes for HTML,
because neither writes any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from logban.text import visible

LINE_LIMIT = 1000
"""The greatest length of one value in a mail; what a log line has more is cut."""


def _shown(value: object) -> str:
    return visible(str(value), LINE_LIMIT)


TEXT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,  # the output is text/plain, where HTML escapes would be noise
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
"""For texts that people read: every value is shown on one line, control characters escaped."""

ARGUMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,  # the output is one argument of a program, no HTML
    keep_trailing_newline=True,
)
"""For the arguments of a program: every value goes in as it is."""


def compiled(
    environment: ImmutableSandboxedEnvironment, source: str, known: Iterable[str]
) -> Template:
    """Read a template; ValueError if it is broken or asks for a name that is not ``known``."""
    try:
        asked = find_undeclared_variables(environment.parse(source))
        template = environment.from_string(source)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} of the template: {error.message}") from error
    names = sorted(known)
    unknown = sorted(asked.difference(names))
    if unknown:
        raise ValueError(
            f"the template asks for {', '.join(unknown)}; there are only {', '.join(names)}"
        )
    return template


def rendered(template: Template, values: Mapping[str, object]) -> str:
    """Fill a template in; ValueError if it does with a value what can't be done with it."""
    try:
        return template.render(values)
    # A template can divide by zero, call what is no function, ask the sandbox for too much:
    # jinja2 lets Python's own exceptions through.
    except (
        *(TemplateError, ArithmeticError, AttributeError, LookupError),
        *(RuntimeError, TypeError, ValueError),
    ) as error:
        raise ValueError(f"the template cannot be filled in: {visible(str(error), 300)}") from error
