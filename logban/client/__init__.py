# SPDX-License-Identifier: MIT
"""logban-client: everything that a person types."""
