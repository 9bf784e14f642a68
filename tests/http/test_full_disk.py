# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full, limited or read-only under a running server, the real one: honest answers, no half write, and it
goes on when there is room again. `tests/crash/faults.py` lets each call and each statement fail."""

import base64
import os
import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.dav import Server, card, replaced
from tests.http.company import Company, Office, Refused
from tests.servers import PostgreSQL

# Far more than a few pages that are free in a file already, and nothing that a server could compress to that.
PHOTO = "PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(random.Random(1).randbytes(600_000)).decode()
MEGABYTES = 64


@contextmanager
def mounted(*arguments: str, at: Path) -> Iterator[Path]:
    """Something mounted; the test is skipped where that is not allowed."""
    at.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only the superuser can mount a disk")
    done = subprocess.run(["mount", *arguments, str(at)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this place may not mount a disk: {done.stderr.decode()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room on the disk; the file that takes it, which grows when it is there already."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


def autovacuum(server: PostgreSQL, value: str) -> None:
    """Switch it: it may make every new connection fail while the disk is full, when the test wants to read."""
    server.administer(f"ALTER SYSTEM SET autovacuum = {value}")
    server.administer("SELECT pg_reload_conf()")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Office, Path]]:
    """An office whose two databases are on a small disk."""
    with mounted("-t", "tmpfs", "-o", f"size={MEGABYTES}m", "none", at=tmp_path / "disk") as disk:
        if request.param == "sqlite":
            company = Company(tmp_path / "site", f"sqlite:///{disk}/business.db", f"sqlite:///{disk}/state.db")
        else:
            server = request.getfixturevalue("postgresql")
            user = server._user()
            for each in (disk, tmp_path, *tmp_path.parents):
                mode = each.stat().st_mode
                if mode & 0o055 != 0o055:
                    each.chmod(mode | 0o055)
            os.chown(disk, user.pw_uid, user.pw_gid)
            autovacuum(server, "off")
            server.administer(f"CREATE TABLESPACE small LOCATION '{disk}'")
            urls = [server.new_database() for _ in range(2)]
            for url in urls:
                name = url.partition("?")[0].rpartition("/")[2]
                server.administer(f"ALTER DATABASE {name} SET TABLESPACE small")
            server.administer("CHECKPOINT")  # files that are not needed any more go at the next one
            company = Company(tmp_path / "site", *urls)
        company.hire("alice")
        company.add(given_name="Nick", mobile_phone="+1 425 555 0101")
        try:
            with Server(company.config, workers=2) as running, closing(Office(company, running)) as office:
                yield office, disk
        finally:
            if request.param == "postgresql":
                for url in urls:
                    server.drop(url)
                server.administer("DROP TABLESPACE small")
                autovacuum(server, "on")


def test_a_full_disk_is_507_and_nothing_is_half_written(small: tuple[Office, Path]):
    office, disk = small
    company, phone = office.company, office.phone("alice")
    href, (etag, text) = next(iter(phone.cards.items()))
    ballast = fill(disk)
    edited = replaced(text, "0101", "0102", "END:VCARD", f"{PHOTO}\r\nEND:VCARD")
    for _ in range(3):
        answers = [phone.put(href, edited, etag=etag), phone.put("new.vcf", card("new", "New", PHOTO))]
        assert [each.status_code for each in answers] == [507, 507]
        assert "no room" in answers[0].text
    assert phone.get(href).text == text
    assert phone.get("new.vcf").status_code == 404
    assert phone.sync() == (set(), set())
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            company.run("contact", "edit", "1", f"note={os.urandom(300_000).hex()}")
        assert refused.value.status == 3
        assert "Make room on its disk" in refused.value.args[1], refused.value.args[1]
        # PostgreSQL writes this file when a connection begins, and without it that needs room, too. A vacuum of the
        # catalogues takes it away at any time.
        for each in disk.rglob("pg_internal.init"):
            each.unlink()
        fill(disk)

    ballast.unlink()
    assert company.row("1")["mobile_phone"] == "+1 425 555 0101"
    assert phone.put(href, edited, etag=etag).status_code in (200, 201, 204)
    assert phone.put("new.vcf", card("new", "New", PHOTO)).status_code == 201
    assert company.row("1")["mobile_phone"] == "+1 425 555 0102"
    assert PHOTO in phone.get(href).text.replace("\r\n ", "")
    assert company.run("verify")["differences"] == []


def test_files_that_may_not_grow_are_an_error_and_nothing_is_half_written(tmp_path: Path):
    """A limit on the size of files (RLIMIT_FSIZE), which any account may have."""
    company = Company(tmp_path)
    company.hire("alice")
    company.add(given_name="Nick", mobile_phone="+1 425 555 0101")
    with Server(company.config) as server, closing(Office(company, server)) as office:
        phone = office.phone("alice")
        href, (etag, text) = next(iter(phone.cards.items()))
        edited = replaced(text, "0101", "0102", "END:VCARD", f"{PHOTO}\r\nEND:VCARD")
        largest = max(each.stat().st_size for each in tmp_path.iterdir())
        before = [resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, -1)) for pid in server.worker_pids()]
        assert before
        for _ in range(3):
            assert phone.put(href, edited, etag=etag).status_code in (503, 507)
            assert phone.put("new.vcf", card("new", "New", PHOTO)).status_code in (503, 507)
        assert phone.get(href).text == text
        for pid in server.worker_pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (-1, -1))
        assert phone.put(href, edited, etag=etag).status_code in (200, 201, 204)
        assert phone.put("new.vcf", card("new", "New", PHOTO)).status_code == 201
    assert company.run("verify")["differences"] == []


def test_a_read_only_disk_is_said_by_commands_and_nothing_changes(tmp_path: Path):
    real = tmp_path / "real"
    real.mkdir()
    with mounted("--bind", str(real), at=tmp_path / "disk") as disk:
        company = Company(tmp_path / "site", f"sqlite:///{disk}/business.db", f"sqlite:///{disk}/state.db")
        company.hire("alice")
        company.add(given_name="Nick", mobile_phone="+1 425 555 0101")
        before = company.row("1")
        subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=True)
        for command in (("contact", "edit", "1", "note=x"), ("sync", "now"), ("contact", "delete", "1", "--yes")):
            with pytest.raises(Refused) as refused:
                company.run(*command)
            assert refused.value.status == 3
            assert "Traceback" not in refused.value.args[1]
            assert "should not have happened" not in refused.value.args[1]
        subprocess.run(["mount", "-o", "remount,bind,rw", str(disk)], check=True)
        assert company.row("1") == before
        company.run("contact", "edit", "1", "note=x")
        assert company.run("verify")["differences"] == []
