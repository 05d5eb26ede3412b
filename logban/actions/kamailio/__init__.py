# SPDX-License-Identifier: MIT
"""Kamailio as a place to ban: its RPC, and an enforcer for each thing in it that can hold bans."""
