# SPDX-License-Identifier: GPL-3.0-or-later
"""The business database: records, accounts, custom record types, and what changed in them.

Imported by sync. Knows contacts (fields) and database (engines); knows nothing of books.
"""
