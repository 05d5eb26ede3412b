# SPDX-License-Identifier: MIT
"""Whether the daemon does its work: figures for machines, alarms for people."""
