# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two databases share: engines, transactions, column types, errors, migrations.

Imported by business and books (and by whoever opens them); imports SQLAlchemy, Alembic and the standard library only.
"""
