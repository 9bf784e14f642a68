# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that turns refusals into what Radicale understands: a ValueError whose text picks the status
(H6: "[Errno 13]" is 403, anything else 400). Our Application reads the refusal itself from the request."""

from collections.abc import Iterator
from contextlib import contextmanager

from radicale_bcm.business.contract import RecordError
from radicale_bcm.server import request
from radicale_bcm.sync.errors import Forbidden, Refused
from radicale_bcm.sync.unit import Unit


@contextmanager
def refusing(unit: Unit) -> Iterator[None]:
    """Refusals leave as ValueErrors. Radicale catches those inside its lock (H5), so a unit that may have written
    something by then is marked as failed. A Forbidden is raised before anything but the card's new revision was."""
    try:
        yield
    except Forbidden as error:
        request.current().refusal = error
        raise ValueError(f"[Errno 13] {error.reason}") from error
    except (Refused, RecordError) as error:
        unit.failed = True
        request.current().refusal = error
        raise ValueError(str(error)) from error
    except BaseException:
        unit.failed = True
        raise
