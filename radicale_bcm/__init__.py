# SPDX-License-Identifier: GPL-3.0-or-later
"""A Radicale storage plugin that bridges a business contact database to CardDAV address books."""

__version__ = "0.1.0"
