# SPDX-License-Identifier: MIT
"""Migration: takes a host over from fail2ban, its jails, filters, actions and bans."""
