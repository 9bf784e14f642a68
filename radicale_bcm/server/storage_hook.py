# SPDX-License-Identifier: GPL-3.0-or-later
"""Radicale's `[storage] hook`: a command that runs after a change was committed. Imported by server.storage.

The placeholders are Radicale's; `path` and `to_path` name where its own storage would keep the object, because hooks
that exist were written for that.
"""

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from radicale.log import logger

TIMEOUT_SECONDS = 300


def run(command: str, folder: Path, user: str, facts: dict[str, str]) -> None:
    """Run the hook for a change; `facts` are the keyword arguments of acquire_lock. A failure is only logged."""
    root = f"{folder}/collection-root"
    values = {
        "path": shlex.quote(root + (facts.get("path") or "")),
        "to_path": shlex.quote(root + facts["to_path"]) if facts.get("to_path") else "",
        "cwd": shlex.quote(str(folder)),
        "request": shlex.quote(facts.get("request") or "NONE"),
        "actor": shlex.quote(facts.get("actor") or user or "Anonymous"),
        "user": shlex.quote(user or "Anonymous"),
    }
    try:
        filled = command % values
    except (KeyError, ValueError, TypeError) as error:
        logger.error("The storage hook %r has a placeholder that is not supported: %s", command, error)
        return
    logger.debug("Executing storage hook: '%s'", filled)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        process = subprocess.Popen(  # noqa: S602 - the administrator's own command line
            filled,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            shell=True,
            text=True,
            cwd=folder,
            process_group=0,
        )
    except OSError as error:
        logger.error("The storage hook could not be started: %s", error)
        return
    _finish(process)


def _finish(process: "subprocess.Popen[str]") -> None:
    try:
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        logger.error("The storage hook ran for more than %d seconds and was ended", TIMEOUT_SECONDS)
        return
    finally:
        # What it left behind in its process group.
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    if output:
        logger.debug("Captured stdout from storage hook:\n%s", output)
    if errors:
        logger.debug("Captured stderr from storage hook:\n%s", errors)
    if process.returncode:
        logger.error("The storage hook ended with status %d", process.returncode)
