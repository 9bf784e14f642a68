# SPDX-License-Identifier: GPL-3.0-or-later
"""Radicale's sharing, predefined collections and hook, with this storage, behind both servers."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from radicale.config import DEFAULT_CONFIG_SCHEMA

from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.config import load
from tests.dav import Phone, Server, card, replaced
from tests.http.company import Company, Office
from tests.http.test_permissions import may_write

PREDEFINED = '{"own": {"tag": "VADDRESSBOOK"}, "days": {"tag": "VCALENDAR"}}'


@pytest.fixture(scope="module", params=["serve", "stock"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A company on a fresh installation, whose filesystem_folder is not there yet."""
    company = Company(tmp_path_factory.mktemp("sharing"))
    hook = 'echo "%(user)s %(request)s %(path)s" >> hook.log'
    company.configure("[storage]\n", f"[storage]\npredefined_collections = {PREDEFINED}\nhook = {hook}\n")
    if "sharing" in DEFAULT_CONFIG_SCHEMA:
        sharing = "type = files\ncollection_by_map = True\npermit_create_map = True\n"
        company.configure("[web]\n", f"[sharing]\n{sharing}\n[web]\n")
    company.hire("alice")
    for name in ("bob", "carol"):
        company.hire(name, sync=False)
    company.add(given_name="Nick", job_title="Buyer")
    with Server(company.config, stock=request.param == "stock") as server, closing(Office(company, server)) as opened:
        yield opened


def _share(office: Office, permissions: str, user: str) -> Phone:
    place = f"/{user}/from-alice/"
    asked = {"PathMapped": "/alice/Contacts/", "PathOrToken": place, "User": user, "Permissions": permissions}
    asked |= {"Enabled": "True", "Hidden": "False"}
    for person, action in (("alice", "create"), (user, "enable"), (user, "unhide")):
        answer = office.client(person).post(f"/.sharing/v1/map/{action}", data=asked)
        assert answer.status_code == 200, answer.text
        asked = {"PathOrToken": place}
    return office.phone(user, "from-alice")


@pytest.mark.skipif("sharing" not in DEFAULT_CONFIG_SCHEMA, reason="this version of Radicale shares nothing")
def test_a_sync_folder_is_shared_and_the_share_allows_what_it_says(office: Office):
    """Read-only for bob, with writing for carol: her edit is one of the business record."""
    alice, bob = office.phone("alice"), _share(office, "r", "bob")
    href, etag, text = alice.find("FN:Nick")
    assert bob.cards[href] == (etag, text)
    assert not may_write(bob)
    for answer in (bob.put(href, replaced(text, "Buyer", "Boss")), bob.delete(href), bob.put("x.vcf", card("x", "X"))):
        assert answer.status_code == 403
    carol = _share(office, "rw", "carol")
    assert carol.put(href, replaced(text, "Buyer", "Boss"), etag=etag).status_code == 204
    for phone in (alice, bob):
        assert phone.sync() == ({href}, set())
        assert "TITLE:Boss" in phone.cards[href][1]
    assert office.company.sql("SELECT job_title FROM contact") == [{"job_title": "Boss"}]


def test_predefined_collections_are_there_and_the_hook_hears_of_a_change(office: Office):
    phone = office.phone("bob", "own")
    assert phone.put("a.vcf", card("uid-a", "Ann"), new=True).status_code == 201
    assert office.client("bob").request("PROPFIND", "/bob/days/", headers={"Depth": "0"}).status_code == 207
    folder = Path(office.company.folder) / "collections"
    heard = (folder / "hook.log").read_text().splitlines()
    assert f"bob PUT {folder}/collection-root/bob/own/a.vcf" in heard


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not say which files are open")
def test_what_an_application_opened_is_closed_with_it(tmp_path: Path):
    """Radicale's sharing loads the storage a second time, also where nothing is shared."""
    company = Company(tmp_path)
    application = BcmApplication(load(str(company.config)))
    assert _opened_below(tmp_path)
    application._storage.site.close()
    assert _opened_below(tmp_path) == []


def _opened_below(folder: Path) -> list[str]:
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(each.readlink()))
    return [path for path in found if path.startswith(str(folder))]
