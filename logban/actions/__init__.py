# SPDX-License-Identifier: MIT
"""Actions put in force what was decided, and tell who is to be told."""
