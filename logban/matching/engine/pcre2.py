# SPDX-License-Identifier: MIT
"""PCRE2 by ctypes: one call finds all that an expression matches in a block.

``pcre2_substitute`` gives for every match what a template makes of its captures, with or without
what lies between: no Python object is made for a match.  What a template asks for is copied byte by
byte, at some 6 ns each, and takes 20 ns a capture to be found; what lies between is copied at once.

The signatures are those of pcre2api(3) and pcre2_substitute(3); ``SUBSTITUTE_REPLACEMENT_ONLY``
came with 10.38.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Final

_NAMES: Final = ("libpcre2-8.so.0",)

_TOO_LARGE: Final = 120
_NO_MEMORY: Final = -48
_UNSET: Final = ctypes.c_size_t(-1).value

_COMPILE_OPTIONS: Final = 0
_JIT_COMPLETE: Final = 1
_GLOBAL: Final = 0x00000100
_EXTENDED: Final = 0x00000200
_UNSET_EMPTY: Final = 0x00000400
_OVERFLOW_LENGTH: Final = 0x00001000
_REPLACEMENT_ONLY: Final = 0x00020000
_CONFIG_JIT: Final = 1
_CONFIG_VERSION: Final = 11

MATCH_LIMIT: Final = 200_000
"""Steps that one match may take, about a millisecond; a line that needs more is the reference's."""

HEAP_LIMIT: Final = 8192
"""Kibibytes that a match may take where there is no JIT compiler."""

JIT_STACK: Final = 256 * 1024


class Pcre2Error(Exception):
    """PCRE2 refused an expression, or gave up on a match."""


class TooLargeError(Pcre2Error):
    """An expression has more than 64 KiB once it is compiled."""


class Library:
    """The functions of libpcre2-8 that are used."""

    def __init__(self, path: str) -> None:
        """OSError or AttributeError if the library is not there, or lacks something."""
        self._lib = ctypes.CDLL(path)
        pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
        signatures: dict[str, tuple[type | None, list[type]]] = {
            "config": (ctypes.c_int, [number, pointer]),
            "compile": (
                pointer,
                [
                    ctypes.c_char_p, size, number, ctypes.POINTER(ctypes.c_int),
                    ctypes.POINTER(size), pointer,
                ],
            ),
            "code_free": (None, [pointer]),
            "jit_compile": (ctypes.c_int, [pointer, number]),
            "jit_stack_create": (pointer, [size, size, pointer]),
            "jit_stack_assign": (None, [pointer, pointer, pointer]),
            "jit_stack_free": (None, [pointer]),
            "match_context_create": (pointer, [pointer]),
            "match_context_free": (None, [pointer]),
            "set_match_limit": (ctypes.c_int, [pointer, number]),
            "set_heap_limit": (ctypes.c_int, [pointer, number]),
            "match_data_create_from_pattern": (pointer, [pointer, pointer]),
            "match_data_free": (None, [pointer]),
            "get_error_message": (ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, size]),
            "substitute": (
                ctypes.c_int,
                [
                    pointer, ctypes.c_char_p, size, size, number, pointer, pointer,
                    ctypes.c_char_p, size, pointer, ctypes.POINTER(size),
                ],
            ),
        }  # fmt: skip
        for name, (result, arguments) in signatures.items():
            function = getattr(self._lib, f"pcre2_{name}_8")
            function.restype = result
            function.argtypes = arguments

    def call(self, name: str, *arguments: object) -> int:
        """Call a function, as the manual names it, without prefix and suffix."""
        result: int = getattr(self._lib, f"pcre2_{name}_8")(*arguments)
        return result

    def message(self, code: int) -> str:
        """Give what an error's number means."""
        text = ctypes.create_string_buffer(256)
        self.call("get_error_message", code, text, len(text))
        return text.value.decode("ascii", "replace")


class Code:
    """A compiled expression, and what a match needs."""

    def __init__(self, library: Library, text: str) -> None:
        """Pcre2Error if it can't be compiled."""
        self._library = library
        error, place = ctypes.c_int(), ctypes.c_size_t()
        raw = text.encode("ascii")
        self._code = library.call(
            "compile",
            raw,
            len(raw),
            _COMPILE_OPTIONS,
            ctypes.byref(error),
            ctypes.byref(place),
            None,
        )
        if not self._code:
            near = text[max(0, place.value - 40) : place.value + 20]
            if error.value == _TOO_LARGE:
                raise TooLargeError(library.message(error.value))
            raise Pcre2Error(f"{library.message(error.value)} near {near!r}")
        self.has_jit = library.call("jit_compile", self._code, _JIT_COMPLETE) == 0
        self._context = library.call("match_context_create", None)
        library.call("set_match_limit", self._context, MATCH_LIMIT)
        library.call("set_heap_limit", self._context, HEAP_LIMIT)
        self._stack = library.call("jit_stack_create", 32 * 1024, JIT_STACK, None)
        library.call("jit_stack_assign", self._context, None, self._stack)
        self._match = library.call("match_data_create_from_pattern", self._code, None)
        self._room = ctypes.create_string_buffer(64 * 1024)

    def records(self, data: bytes, template: bytes) -> bytes:
        """Give what the template makes of each match; Pcre2Error if one takes too long."""
        return self._substituted(data, template, _REPLACEMENT_ONLY)[1]

    def counted(self, data: bytes, template: bytes) -> tuple[int, bytes]:
        """Give the number of matches as well."""
        return self._substituted(data, template, _REPLACEMENT_ONLY)

    def inserted(self, data: bytes, template: bytes) -> bytes:
        """Give the data, what the template makes of each match in its place; errors as above."""
        return self._substituted(data, template, 0)[1]

    def _substituted(self, data: bytes, template: bytes, options: int) -> tuple[int, bytes]:
        length = ctypes.c_size_t()
        while True:
            length.value = len(self._room)
            code = self._library.call("substitute",
                self._code, data, len(data), 0,
                _GLOBAL | _EXTENDED | _UNSET_EMPTY | _OVERFLOW_LENGTH | options,
                self._match, self._context, template, len(template),
                self._room, ctypes.byref(length),
            )  # fmt: skip
            if code >= 0:
                return code, ctypes.string_at(self._room, length.value)
            if code != _NO_MEMORY or length.value <= len(self._room):
                raise Pcre2Error(self._library.message(code))
            self._room = ctypes.create_string_buffer(length.value * 5 // 4)

    def __del__(self) -> None:
        if getattr(self, "_code", None):
            self._library.call("match_data_free", self._match)
            self._library.call("match_context_free", self._context)
            self._library.call("jit_stack_free", self._stack)
            self._library.call("code_free", self._code)


def compiled(library: Library, texts: Sequence[str]) -> Code:
    """Compile the first of several forms that is not too large; Pcre2Error if none can be."""
    for text in texts[:-1]:
        try:
            return Code(library, text)
        except TooLargeError:
            continue
    return Code(library, texts[-1])


@cache
def library() -> Library | None:
    """Give the library; None where there is none, or an old one."""
    for name in _NAMES:
        try:
            return Library(name)
        except (OSError, AttributeError):
            continue
    return None
