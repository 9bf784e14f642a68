# SPDX-License-Identifier: GPL-3.0-or-later
"""The state database: address books and other collections, cards, membership, tombstones, revisions, set-ups, history.

Imported by sync, server and cli; imports contacts and database, never business.
"""
