# SPDX-License-Identifier: GPL-3.0-or-later
"""Radicale's side: the storage plugin, our thin Application, the production server. Nothing of ours imports this room
except the package itself and the command line."""
