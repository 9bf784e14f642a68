# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong, as a sentence and an exit status. For cli only."""

import typer

from radicale_bcm.cli import output

REFUSED = 1
USAGE = 2
UNAVAILABLE = 3


def report(error: Exception) -> int:
    """Tell what happened and what to do next; the exit status."""
    # The modules of the errors are loaded already if it is one of them.
    from radicale_bcm.business.contract import RecordError  # noqa: PLC0415
    from radicale_bcm.contacts.filter_error import FilterError  # noqa: PLC0415
    from radicale_bcm.contacts.lines import NotAVCard  # noqa: PLC0415
    from radicale_bcm.database.errors import BadUrl, DatabaseError  # noqa: PLC0415
    from radicale_bcm.sync.errors import Refused  # noqa: PLC0415

    status, text = REFUSED, str(error)
    if isinstance(error, BadUrl):
        status = USAGE
    elif isinstance(error, DatabaseError):
        status, text = UNAVAILABLE, f"{error}{_advice(error)}"
    elif isinstance(error, FilterError):
        status = USAGE  # the text of an option makes no sense
    elif isinstance(error, Refused):
        text = error.reason
    elif isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        text = f"{place}{error.strerror or error}"
    elif not isinstance(error, RecordError | NotAVCard | RuntimeError):
        text = (
            f"this should not have happened: {type(error).__name__}: {error}\n"
            "Nothing was half done. With BCM_DEBUG=1 in the environment the command shows where it happened."
        )
    output.hint(f"radicale-bcm: {text}")
    if output.json_wanted():
        output.document({"error": text})
    return status


def _advice(error: Exception) -> str:
    from radicale_bcm.database import errors  # noqa: PLC0415

    if isinstance(error, errors.StorageFull):
        return "\nMake room on its disk and try again."
    if isinstance(error, errors.ReadOnly):
        return "\nThe account that runs this command needs the right to write there."
    if isinstance(error, errors.NoDriver):
        return "\npip install 'radicale-bcm[postgresql]' or 'radicale-bcm[mariadb]' brings it."
    if isinstance(error, errors.Unavailable):
        return (
            "\nIs it running, and is its address in the configuration right? `radicale-bcm init DIR` creates databases"
            " that were never there."
        )
    if isinstance(error, errors.Busy):
        return "\nAnother program holds it; nothing was done, try again in a moment."
    if isinstance(error, errors.WrongSchema):
        return "\n`radicale-bcm init DIR` creates the tables of a new database; a newer schema needs a newer program."
    return ""


def refuse(reason: str) -> Exception:
    """The exception for something that is not done. Exit status 1."""
    from radicale_bcm.sync.errors import Invalid  # noqa: PLC0415

    return Invalid(reason)


def misused(reason: str) -> Exception:
    """The exception for arguments that make no sense. Exit status 2."""
    return typer.BadParameter(reason)
