# SPDX-License-Identifier: MIT
"""``logban.conf``: the settings of the daemon itself."""
