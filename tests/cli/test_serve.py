# SPDX-License-Identifier: GPL-3.0-or-later
"""`serve` and `demo`: a server that starts, answers and stops."""

import base64
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.cli.conftest import MAIN, ROOT, Tool, run


def get(url: str, user: str, password: str) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    connection.request("GET", parts.path, headers={"Authorization": f"Basic {token}"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def started(*args: str) -> tuple[subprocess.Popen[str], list[str], str]:
    """The process, what it printed before, and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *args],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    before: list[str] = []
    for line in process.stdout:
        if "serves http" in line:
            return process, before, next(word for word in line.split() if word.startswith("http"))
        before.append(line)
    with process:
        process.kill()
    raise AssertionError(f"it never said that it serves: {''.join(before)}")


def stopped(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    with process:
        return process.wait(30)


def test_the_server_says_where_it_is_answers_and_stops_cleanly(tool: Tool):
    tool("contact", "add", "given_name=Nick", "family_name=Brigandi")
    tool("sync", "start", "--principal", "alice", "--folder", "Contacts")
    process, before, url = started("-C", str(tool.ini), "serve", "--host", "127.0.0.1", "--port", "0", "--workers", "1")
    try:
        assert before == []
        status, body = get(f"{url}alice/Contacts/", "alice", "secret")
        assert status == 200
        assert "FN:Nick Brigandi" in body
        assert get(f"{url}alice/Contacts/", "alice", "wrong")[0] == 401
        port = str(urlsplit(url).port)
        taken = tool("serve", "--host", "127.0.0.1", "--port", port, "--workers", "1", status=1)
        assert "cannot listen" in taken.err
    finally:
        status = stopped(process)
    assert status == 0


def test_the_demo_runs_and_goes_on_with_what_is_there(tmp_path: Path):
    folder = tmp_path / "demo"
    prepared = run("demo", "--directory", str(folder), "--contacts", "40", "--no-serve", "--json")
    assert prepared.status == 0, prepared.err
    alice = prepared.json["users"][0]
    tool = Tool(folder)
    tool("contact", "edit", "nick@example.com", "job_title=Chief Buyer")
    process, before, url = started(
        "demo", "--directory", str(folder), "--contacts", "45", "--port", "0", "--workers", "1"
    )
    try:
        assert alice["password"] in "".join(before)
        status, body = get(f"{url}alice/Contacts/", "alice", alice["password"])
    finally:
        assert stopped(process) == 0
    assert status == 200
    assert body.count("BEGIN:VCARD") == 45 + 6
    assert "TITLE:Chief Buyer" in body
    assert "PHOTO" in body
    counts = {each["principal"]: each["business_cards"] for each in tool.json("status")}
    assert counts["alice"] == 45
    assert counts["bob"] == counts["alice"]
