# SPDX-License-Identifier: MIT
"""Control: the daemon's side of the socket that logban-client talks to."""
