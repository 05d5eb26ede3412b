# SPDX-License-Identifier: MIT
"""Configuration: tells what the admin wrote, and where."""

from typing import TYPE_CHECKING

from logban.config.filters.reading import FilterReading, load_filter

if TYPE_CHECKING:
    from logban.config.loading import load

__all__ = ["FilterReading", "load", "load_filter"]


def __getattr__(name: str) -> object:
    """Import ``load`` when it is first asked for: with it come all actions, and asyncio.

    Who tries a filter needs none of these, and waits for them a quarter of a second.
    """
    if name == "load":
        from logban.config import loading  # noqa: PLC0415  # see above

        return loading.load
    raise AttributeError(name)
