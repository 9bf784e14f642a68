# SPDX-License-Identifier: GPL-3.0-or-later
"""What a contact is: its fields, its vCard text, filters and edits. Pure; every other package may import it."""
