# SPDX-License-Identifier: MIT
"""The ``command`` action: programs of the admin's, and fail2ban's scripts."""
