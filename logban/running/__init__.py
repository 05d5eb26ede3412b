# SPDX-License-Identifier: MIT
"""The parts that the daemon is put together from."""
