# SPDX-License-Identifier: MIT
"""What the tests of actions work in: networks of their own, and somebody who is not root."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from logban.testing.namespaces import Namespace


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """Give a namespace with nothing in it but loopback."""
    made = Namespace()
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def unprivileged() -> Callable[[Callable[[], None]], str]:
    """Give a way to run a function as nobody, in a child, and be told what it raised."""

    def run(function: Callable[[], None]) -> str:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            message = "nothing"
            try:
                os.setgroups([])
                os.setuid(65534)
                function()
            except BaseException as error:  # noqa: BLE001 - the parent is told, whatever it was
                message = f"{type(error).__name__}: {error}"
            finally:
                os.write(writer, message.encode()[:4000])
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            message = answer.read()
        os.waitpid(child, 0)
        return message

    return run
