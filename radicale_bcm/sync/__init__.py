# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the business database and the address books: projection out, application in, set-ups, Deleted Items.

Imported by server and cli; imports business, books and contacts. Everything here works inside one unit of work.
"""
