# SPDX-License-Identifier: MIT
"""libnftables (libnftables(3)) through ctypes: text in, text out."""

from __future__ import annotations

import ctypes
import functools
import threading

_JSON = 1 << 4  # NFT_CTX_OUTPUT_JSON of nftables/libnftables.h
_TERSE = 1 << 11  # NFT_CTX_OUTPUT_TERSE: without the elements of sets

# The library promises nothing about threads, and asks the C library through functions with static
# buffers (getprotobyname(3) and its like), whichever the context.
_ONE_AT_A_TIME = threading.Lock()


class NftError(Exception):
    """The library refused; the message is what it wrote."""


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libnftables.so.1")
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.nft_ctx_free.restype = None
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_ctx_output_set_flags.restype = None
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    return library


class LibraryContext:
    """One ``nft_ctx``; OSError where the library is absent.

    Its socket belongs to the network namespace of the thread that makes it.
    """

    def __init__(self) -> None:
        self._library = _library()
        with _ONE_AT_A_TIME:
            self._context: int | None = self._library.nft_ctx_new(0)
            if self._context is None:
                raise OSError("nft_ctx_new failed")
            self._library.nft_ctx_buffer_output(self._context)
            self._library.nft_ctx_buffer_error(self._context)

    def run(self, commands: str, *, json_output: bool = False, terse: bool = False) -> str:
        """Run the commands as one transaction and give what they print; NftError otherwise."""
        if self._context is None:
            raise NftError("the context is closed")
        flags = (_JSON if json_output else 0) | (_TERSE if terse else 0)
        with _ONE_AT_A_TIME:
            self._library.nft_ctx_output_set_flags(self._context, flags)
            code = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
            # Reading the buffers empties them, so both are read each time.
            output: bytes = self._library.nft_ctx_get_output_buffer(self._context)
            errors: bytes = self._library.nft_ctx_get_error_buffer(self._context)
        if code != 0:
            raise NftError(errors.decode("utf-8", "replace"))
        return output.decode("utf-8", "replace")

    def close(self) -> None:
        """Free it; a second time does nothing."""
        context, self._context = self._context, None
        if context is not None:
            with _ONE_AT_A_TIME:
                self._library.nft_ctx_free(context)
