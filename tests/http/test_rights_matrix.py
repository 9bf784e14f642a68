# SPDX-License-Identifier: GPL-3.0-or-later
"""Four kinds of user × all methods × own, shared, foreign and missing paths: nothing leaks, neither in status nor body.

What is somebody else's and what is not there at all must look the same to everybody who may not read it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.dav import Server, card
from tests.http.company import PASSWORD, Company

RIGHTS = """
[home]
user: .+
collection: {user}
permissions: RW
[own]
user: .+
collection: {user}/[^/]+
permissions: rw
[team]
user: alice|bob
collection: team(/[^/]+)?
permissions: RWrw
[reader]
user: rita
collection: (team|alice)/[^/]+
permissions: r
[root]
user: .+
collection:
permissions: R
"""
BOOK = (
    '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
    "<C:addressbook/></resourcetype></prop></set></mkcol>"
)
PROPFIND = (
    '<propfind xmlns="DAV:" xmlns:C="http://calendarserver.org/ns/"><prop><getetag/><displayname/><resourcetype/>'
    "<sync-token/><C:getctag/><current-user-privilege-set/><owner/></prop></propfind>"
)
SYNC = '<sync-collection xmlns="DAV:"><sync-token/><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>'
QUERY = (
    '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><C:address-data/></prop>'
    '<C:filter><C:prop-filter name="FN"/></C:filter></C:addressbook-query>'
)
PROPPATCH = '<propertyupdate xmlns="DAV:"><set><prop><displayname>Mine</displayname></prop></set></propertyupdate>'
MKCALENDAR = '<C:mkcalendar xmlns:C="urn:ietf:params:xml:ns:caldav"/>'
CARD = card("uid-matrix", "Written")
TEXT = {"Content-Type": "text/vcard; charset=utf-8"}


def multiget(*paths: str) -> str:
    hrefs = "".join(f"<href>{path}</href>" for path in paths)
    return (
        '<C:addressbook-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><getetag/>'
        f"<C:address-data/></prop>{hrefs}</C:addressbook-multiget>"
    )


@dataclass(frozen=True)
class Ask:
    """A request; `{path}` in its body and Destination becomes the path that is asked for."""

    method: str
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    writes: bool = False

    def __str__(self) -> str:
        return "-".join([self.method, *(value for _, value in self.headers if len(value) < 12), str(len(self.body))])


READS = [
    Ask("GET"),
    Ask("HEAD"),
    Ask("GET", headers=(("If-None-Match", "*"),)),
    Ask("PROPFIND", PROPFIND, (("Depth", "0"),)),
    Ask("PROPFIND", PROPFIND, (("Depth", "1"),)),
    Ask("PROPFIND", "", (("Depth", "1"),)),
    Ask("REPORT", SYNC),
    Ask("REPORT", QUERY),
    Ask("REPORT", multiget("{path}")),
    Ask("OPTIONS"),
]
WRITES = [
    Ask("PUT", CARD, tuple(TEXT.items()), writes=True),
    Ask("PUT", CARD, (*TEXT.items(), ("If-Match", "*")), writes=True),
    Ask("PUT", CARD, (*TEXT.items(), ("If-None-Match", "*")), writes=True),
    Ask("PUT", "nonsense", tuple(TEXT.items()), writes=True),
    Ask("DELETE", writes=True),
    Ask("DELETE", headers=(("If-Match", '"x"'),), writes=True),
    Ask("PROPPATCH", PROPPATCH, writes=True),
    Ask("MKCOL", writes=True),
    Ask("MKCOL", BOOK, writes=True),
    Ask("MKCALENDAR", MKCALENDAR, writes=True),
    Ask("MOVE", headers=(("Destination", "{base}/bob/book/stolen.vcf"),), writes=True),
    Ask("MOVE", headers=(("Destination", "{base}{path}-moved"), ("Overwrite", "T")), writes=True),
    Ask("POST", "x=1", writes=True),
]
# Methods that Radicale does not have.
OTHERS = [Ask("COPY", headers=(("Destination", "{base}/bob/book/c.vcf"),)), Ask("LOCK"), Ask("ACL"), Ask("PATCH", "x")]
ALL = [*READS, *WRITES, *OTHERS]

# What exists, and beside it what could be there and is not.
FOREIGN = [
    ("/alice/", "/nobody/"),
    ("/alice/Contacts/", "/alice/Missing/"),
    ("/alice/Contacts/", "/nobody/Contacts/"),
    ("/alice/Contacts/secret.vcf", "/alice/Contacts/missing.vcf"),
    ("/alice/Contacts/{business}", "/alice/Missing/missing.vcf"),
    ("/alice/Contacts", "/alice/Missing"),
]


class Site:
    """A running server with four users, and what they have."""

    def __init__(self, company: Company, server: Server) -> None:
        self.company = company
        self.server = server
        self.business = ""
        self._clients: dict[str, httpx.Client] = {}

    def client(self, user: str) -> httpx.Client:
        """A client of this user; of nobody for an empty name."""
        if user not in self._clients:
            auth = (user, PASSWORD) if user else None
            self._clients[user] = httpx.Client(base_url=self.server.url, auth=auth, timeout=60)
        return self._clients[user]

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def ask(self, user: str, ask: Ask, path: str) -> httpx.Response:
        """Send a request for a path."""
        path = path.replace("{business}", self.business)
        headers = {
            name: value.replace("{path}", path).replace("{base}", self.server.url) for name, value in ask.headers
        }
        return self.client(user).request(ask.method, path, content=ask.body.replace("{path}", path), headers=headers)

    def everything(self) -> dict[str, str]:
        """All that there is, as those see it who may."""
        found = {}
        for user, path in (("alice", "/alice/Contacts/"), ("alice", "/team/book/"), ("bob", "/bob/book/")):
            for each in (path, path.rstrip("/").rpartition("/")[0] + "/"):
                answer = self.client(user).request("PROPFIND", each, content=PROPFIND, headers={"Depth": "1"})
                assert answer.status_code == 207
                found[each] = answer.text
            found[path + "*"] = self.client(user).get(path).text
        return found


@pytest.fixture(scope="module", params=["serve", "stock"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """alice owns, bob is another person, rita may read by the rights file."""
    folder = tmp_path_factory.mktemp("matrix")
    company = Company(folder)
    (folder / "rights").write_text(RIGHTS)
    company.configure("type = owner_only", f"type = from_file\nfile = {folder / 'rights'}")
    company.hire("alice")
    for name in ("bob", "rita"):
        company.hire(name, sync=False)
    record = company.add(given_name="Nick", family_name="Topsecret", email="nick@topsecret.example.com")
    with Server(company.config, stock=request.param == "stock") as server:
        made = Site(company, server)
        for user, path in (("alice", "/team/"), ("alice", "/team/book/"), ("bob", "/bob/book/")):
            assert made.client(user).request("PROPFIND", f"/{user}/").status_code == 207
            answer = made.client(user).request("MKCOL", path, content=BOOK if "book" in path else "")
            assert answer.status_code == 201, answer.text
        for user, path in (("alice", "/alice/Contacts/"), ("alice", "/team/book/"), ("bob", "/bob/book/")):
            secret = card(f"uid-secret-{path}", "Topsecret")
            assert made.client(user).put(f"{path}secret.vcf", content=secret, headers=TEXT).status_code == 201
        uid = company.run("contact", "show", record)["uid"]
        made.business = f"{uid}.vcf"
        assert made.client("alice").get(f"/alice/Contacts/{made.business}").status_code == 200
        yield made
        made.close()


def shape(answer: httpx.Response, path: str) -> tuple[object, ...]:
    """All of an answer that its reader sees, without the path that was asked for."""
    body = answer.text.replace(path, "PATH").replace(path.rstrip("/"), "PATH")
    # The server ends a connection whose request was not read to its end, sooner or later.
    ignored = ("date", "content-length", "connection")
    headers = {name: value for name, value in answer.headers.items() if name not in ignored}
    return answer.status_code, body, headers


@pytest.mark.parametrize("ask", ALL, ids=str)
@pytest.mark.parametrize("user", ["", "bob"], ids=["anonymous", "other"])
def test_what_is_anothers_looks_like_what_is_not_there(site: Site, user: str, ask: Ask) -> None:
    before = site.everything()
    for named, missing in FOREIGN:
        existing = named.replace("{business}", site.business)
        there, not_there = site.ask(user, ask, existing), site.ask(user, ask, missing)
        assert shape(there, existing) == shape(not_there, missing), existing
        assert "opsecret" not in there.text + str(there.headers)
        if ask in READS + WRITES and ask.method not in ("OPTIONS", "POST"):
            assert there.status_code == (403 if user else 401), (existing, there.text)
        assert there.status_code < 500 or ask in OTHERS
    assert site.everything() == before


@pytest.mark.parametrize("target", ["/alice/Contacts/", "/nobody/x/", "/alice/"])
def test_nothing_can_be_moved_to_where_one_may_not_write(site: Site, target: str) -> None:
    """Nor does the answer tell what stands there."""
    before = site.everything()
    answers = []
    for name in ("secret.vcf", "missing.vcf"):
        for overwrite in ("T", "F"):
            headers = {"Destination": f"{site.server.url}{target}{name}", "Overwrite": overwrite}
            answer = site.client("bob").request("MOVE", "/bob/book/secret.vcf", headers=headers)
            answers.append(shape(answer, target + name))
    assert {answer[0] for answer in answers} == {403}
    assert all(answer == answers[0] for answer in answers)
    assert site.everything() == before


def test_one_report_reaches_no_other_collection(site: Site) -> None:
    """A multiget in one's own book tells nothing of another's."""
    existing = ["/alice/Contacts/secret.vcf", f"/alice/Contacts/{site.business}", "/bob/../alice/Contacts/secret.vcf"]
    for path in existing:
        missing = path.replace("secret", "missing").replace(site.business, "missing.vcf")
        answers = [
            shape(site.client("bob").request("REPORT", "/bob/book/", content=multiget(each)), each)
            for each in (path, missing)
        ]
        assert "opsecret" not in str(answers)
        answers = [
            (status, str(body).replace("secret.vcf", "x").replace("missing.vcf", "x").replace(site.business, "x"))
            for status, body, _ in answers
        ]
        assert answers[0] == answers[1]


@pytest.mark.parametrize("ask", WRITES, ids=str)
@pytest.mark.parametrize("folder", ["/alice/Contacts/", "/team/book/"])
def test_a_reader_by_the_rights_file_reads_and_changes_nothing(site: Site, ask: Ask, folder: str) -> None:
    before = site.everything()
    for path in (folder, f"{folder}secret.vcf", f"{folder}missing.vcf", "/alice/", "/team/"):
        answer = site.ask("rita", ask, path)
        assert answer.status_code in ((403, 405) if ask.method == "POST" else (403,)), (path, answer.text)
        assert "opsecret" not in answer.text
    assert site.everything() == before
    assert site.client("rita").get(f"{folder}secret.vcf").status_code == 200
    assert "opsecret" in site.client("rita").get(folder).text


@pytest.mark.parametrize("folder", ["/alice/Contacts/", "/team/book/"])
@pytest.mark.parametrize("depth", ["0", "1"])
def test_a_reader_sees_that_nothing_can_be_changed(site: Site, folder: str, depth: str) -> None:
    answer = site.client("rita").request("PROPFIND", folder, content=PROPFIND, headers={"Depth": depth})
    assert answer.status_code == 207
    assert "<read" in answer.text
    assert not any(f"<{name}" in answer.text for name in ("write", "all ", "all/", "bind", "unbind"))


def test_a_home_listing_shows_only_what_may_be_read(site: Site) -> None:
    for user, path, hidden in itertools.product(("bob", "rita"), ("/", "/{user}/"), ("alice/Contacts", "opsecret")):
        answer = site.client(user).request(
            "PROPFIND", path.replace("{user}", user), content=PROPFIND, headers={"Depth": "1"}
        )
        assert answer.status_code == 207
        assert hidden not in answer.text
        assert "/alice/" not in answer.text


def test_those_who_may_can_do_everything(site: Site) -> None:
    """The matrix would hold on a server that refuses all."""
    own = [("alice", "/alice/Contacts/"), ("bob", "/bob/book/")]
    for user, folder in [*own, ("alice", "/team/book/"), ("bob", "/team/book/")]:
        client = site.client(user)
        mine = card(f"uid-{user}-{folder}", "Allowed")
        assert client.put(f"{folder}new.vcf", content=mine, headers=TEXT).status_code == 201
        assert client.get(f"{folder}new.vcf").text == mine
        assert client.get(f"{folder}missing.vcf").status_code == 404
        moved = {"Destination": f"{site.server.url}{folder}moved.vcf"}
        assert client.request("MOVE", f"{folder}new.vcf", headers=moved).status_code == 201
        assert client.request("REPORT", folder, content=QUERY).text.count("Allowed") >= 1
        assert client.request("PROPPATCH", folder, content=PROPPATCH).status_code == 207
        assert client.delete(f"{folder}moved.vcf").status_code == 200
