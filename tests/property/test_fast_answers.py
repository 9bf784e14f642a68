# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast way's answers equal Radicale's, element by element, over random requests (BCM_LONG=1 for 5,000).

Radicale's way is the one without the fast answers and without the search index. Requests differ in method, depth,
properties, filters, rights, set-ups and preconditions; BCM_SEED is where they begin.
"""

import base64
import io
import logging
import os
import random
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from radicale_bcm.books.history import Actor
from radicale_bcm.server import searching
from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.config import load
from radicale_bcm.server.storage import Storage
from radicale_bcm.sync import pull, setup
from radicale_bcm.sync.site import open_site

REQUESTS = 5000 if os.environ.get("BCM_LONG") else 250
NAMESPACES = (
    'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:CS="http://calendarserver.org/ns/" '
    'xmlns:X="http://example.com/ns/"'
)
COLLECTION_PROPS = (
    "<getetag/>", "<resourcetype/>", "<displayname/>", "<CS:getctag/>", "<sync-token/>", "<getcontenttype/>",
    "<current-user-privilege-set/>", "<current-user-principal/>", "<owner/>", "<supported-report-set/>",
    "<C:supported-address-data/>", "<C:addressbook-description/>", "<getlastmodified/>", "<getcontentlength/>",
    "<C:max-resource-size/>", "<X:colour/>", "<principal-URL/>", "<CS:source/>", "<quota-used-bytes/>",
)  # fmt: skip
MEMBER_PROPS = ("<getetag/>", "<C:address-data/>", "<getcontenttype/>", "<resourcetype/>", "<displayname/>")
CARD = 'BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{fn}\r\nN:;{fn};;;\r\nNOTE:a < b & c > d "e"\r\nEND:VCARD\r\n'


RIGHTS = """
[root]
user = .+
collection =
permissions = R
[principal]
user = .+
collection = {user}
permissions = RW
[own]
user = .+
collection = {user}/[^/]+
permissions = rw
[looks]
user = bob
collection = alice(/[^/]+)?
permissions = Rr
[whole]
user = carol
collection = dave/[^/]+
permissions = w
"""
# Set-ups of every kind, a folder without one, one that is empty, and one that is not there.
BOOKS = ("/alice/Contacts/", "/alice/Plain/", "/carol/Contacts/", "/dave/Contacts/", "/bob/Empty/", "/bob/None/")
USERS = ("alice:a", "bob:b", "carol:c", "dave:d")


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BcmApplication]:
    made = furnished(tmp_path_factory.mktemp("fast"))
    yield made
    assert isinstance(made._storage, Storage)
    made._storage.site.close()


def furnished(home: Path, *, plain_rights: bool = False) -> BcmApplication:
    """A server with folders of every kind; equal ones are equal to the last UID. With plain rights everybody may do
    everything with what is theirs, and nothing else."""
    rights = "type=owner_only" if plain_rights else f"type=from_file\nfile={home}/rights"
    (home / "users").write_text("".join(f"{user}\n" for user in USERS))
    (home / "rights").write_text(RIGHTS)
    (home / "radicale.ini").write_text(
        f"[auth]\ntype=htpasswd\nhtpasswd_filename={home}/users\nhtpasswd_encryption=plain\ndelay=0\n"
        f"[rights]\n{rights}\n[logging]\nlevel=critical\n"
        f"[storage]\ntype=radicale_bcm\nfilesystem_folder={home}/collections\n"
    )
    application = BcmApplication(load(str(home / "radicale.ini")))
    storage = application._storage
    assert isinstance(storage, Storage)
    with storage.site.write(Actor("admin", "test", "command")) as unit:
        for number in range(30):
            unit.records().insert(
                {
                    "given_name": f"Nick & <{number}>",
                    "email": f"n{number}@example.com",
                    "note": "ä\nb",
                    "company": ("Contoso", "Fabrikam", "")[number % 3],
                    "mobile_phone": f"+1 425 555 01{number:02}",
                    "category": "Customer" if number % 4 == 0 else "",
                },
                uid=f"00000000-0000-4000-8000-{number:012}",
            )
    pull.pull_all(storage.site)
    with storage.site.write(Actor("admin", "test", "command")) as unit:
        setup.start(unit, "alice", setup.Choice(folder="Contacts"))
        business_ro = setup.Choice(folder="Contacts", access="business-ro", filters=("company=Contoso",), category="")
        setup.start(unit, "carol", business_ro)
        setup.start(unit, "dave", setup.Choice(folder="Contacts", access="ro", category="Kunden & mehr"))
    for path, user in (("/alice/Plain/", "alice:a"), ("/bob/Empty/", "bob:b")):
        kind = "<resourcetype><collection/><C:addressbook/></resourcetype>"
        body = f"<mkcol {NAMESPACES}><set><prop>{kind}<displayname>A &amp; B</displayname></prop></set></mkcol>"
        assert call(application, "MKCOL", path, body, user=user)[0] == 201
    for path in ("/alice/Contacts/", "/alice/Plain/"):
        for number in range(30):
            name = ("plain {}.vcf", "pläin-{}.vcf", "p{}.vcf")[number % 3].format(number)
            put(application, path + name, CARD.format(uid=f"plain-{number}", fn=f"Plain <{number}>"))
    return application


def call(
    application: BcmApplication, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request, with or without the fast way."""
    raw = body.encode()
    user = headers.pop("user", "alice:a")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": headers.pop("prefix", ""),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(raw),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        "CONTENT_LENGTH": str(len(raw)),
        **headers,
    }
    if user:
        environ["HTTP_AUTHORIZATION"] = "Basic " + base64.b64encode(user.encode()).decode()
    answer: list[Any] = []
    content = b"".join(application(environ, lambda status, head: answer.append((status, head))))
    status, head = answer[0]
    return int(status.split()[0]), dict(head), content


def put(application: BcmApplication, path: str, text: str) -> None:
    status, _, content = call(application, "PUT", path, text, CONTENT_TYPE="text/vcard")
    assert status in (201, 204), (status, content)


def canonical(content: bytes) -> Any:
    """An answer as data: responses by href, properties without regard to their order."""
    root = ET.fromstring(content)

    def of(element: ET.Element) -> Any:
        children = sorted((of(child) for child in element), key=repr)
        return (
            element.tag,
            sorted(element.attrib.items()),
            (element.text or "").strip() if not children else "",
            children,
        )

    responses = sorted((of(child) for child in root), key=repr)
    return root.tag, responses


def random_filter(rng: random.Random) -> str:
    """An addressbook-query's filter, or none."""
    if rng.random() < 0.15:
        return rng.choice(["", "<C:filter/>", '<C:filter><C:prop-filter name="FN"/></C:filter>'])

    def condition() -> str:
        kind = rng.random()
        if kind < 0.1:
            return "<C:is-not-defined/>"
        if kind < 0.2:
            return '<C:param-filter name="TYPE"><C:text-match>cell</C:text-match></C:param-filter>'
        attributes = rng.choice(["", ' collation="i;octet"', ' collation="i;unicode-casemap"'])
        attributes += rng.choice(["", ' negate-condition="yes"', ' negate-condition="no"'])
        way = rng.choice(["", "contains", "equals", "starts-with", "ends-with", "sounds-like"])
        attributes += f' match-type="{way}"' if way else ""
        text = rng.choice(
            ["nick", "Plain", "1", "example.com", "Contoso", "555 01", "Ä", "&lt;2", "Customer", "", "zzz"]
        )
        return f"<C:text-match{attributes}>{text}</C:text-match>"

    def prop_filter() -> str:
        name = rng.choice(["FN", "EMAIL", "TEL", "ORG", "NOTE", "UID", "CATEGORIES", "N", "X-BCM-KIND", "PHOTO", "fn"])
        test = rng.choice(["", ' test="anyof"', ' test="allof"'])
        return (
            f'<C:prop-filter name="{name}"{test}>'
            + "".join(condition() for _ in range(rng.choice([0, 1, 1, 1, 2])))
            + "</C:prop-filter>"
        )

    test = rng.choice(["", ' test="anyof"', ' test="allof"'])
    return f"<C:filter{test}>" + "".join(prop_filter() for _ in range(rng.randint(1, 3))) + "</C:filter>"


def random_report(rng: random.Random, stem: str, hrefs: list[str], tokens: list[str]) -> str:
    """The body of a REPORT."""
    props = "".join(rng.sample(MEMBER_PROPS, rng.randint(0, 3)))
    kind = rng.choice(["sync", "sync", "multiget", "query", "query", "odd"])
    if kind == "sync":
        token = rng.choice([*tokens, "", "", "http://radicale.org/ns/sync/nonsense"])
        return f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><prop>{props}</prop></sync-collection>"
    if kind == "multiget":
        chosen = rng.sample(hrefs, min(len(hrefs), rng.randint(0, 10)))
        chosen += rng.choice([[], ["missing.vcf"], ["../../bob/Contacts/x"], [""]])
        listed = "".join(f"<href>{stem}{href}</href>" for href in chosen)
        return f"<C:addressbook-multiget {NAMESPACES}><prop>{props}</prop>{listed}</C:addressbook-multiget>"
    if kind == "query":
        limit = rng.choice(["", "", "<C:limit><C:nresults>3</C:nresults></C:limit>"])
        inner = f"<prop>{props}</prop>{random_filter(rng)}{limit}"
        return f"<C:addressbook-query {NAMESPACES}>{inner}</C:addressbook-query>"
    return rng.choice(["", "<nonsense", f"<C:calendar-multiget {NAMESPACES}/>", f"<expand-property {NAMESPACES}/>"])


def random_request(rng: random.Random, known: dict[str, list[str]], tokens: list[str]) -> dict[str, str]:
    """A request as clients send it, or a little odd, that changes nothing."""
    book = rng.choices(BOOKS, [10, 4, 4, 4, 2, 1])[0]
    hrefs = known.get(book, [])
    owner = next(user for user in USERS if user.startswith(book.split("/")[1]))
    request = {"prefix": rng.choices(["", "/dav"], [5, 1])[0]}
    request["user"] = rng.choices([owner, *USERS, "", "alice:wrong"], [12, 1, 2, 2, 1, 1, 1])[0]
    member = book + (rng.choice(hrefs) if hrefs else "none.vcf")
    request["path"] = rng.choices([book, book[:-1], book.rsplit("/", 2)[0] + "/", member, "/"], [20, 2, 2, 3, 1])[0]
    for name, values in (
        ("HTTP_IF_NONE_MATCH", ("*", '"nonsense"')),
        ("HTTP_IF_MATCH", ("*", '"nonsense"')),
        ("HTTP_PREFER", ("return=minimal",)),
        ("CONTENT_TYPE", ("text/xml; charset=utf-8", "application/xml; charset=iso-8859-1", "text/plain")),
    ):
        if rng.random() < 0.15:
            request[name] = rng.choice(values)
    method = rng.choices(["PROPFIND", "REPORT", "GET", "HEAD", "OPTIONS", "PUT", "DELETE"], [40, 60, 20, 4, 1, 4, 2])[0]
    request["method"] = method
    if method in ("GET", "HEAD") and rng.random() < 0.8:
        request["path"] = rng.choices([member, book + "none.vcf", book + "%2e%2e/x.vcf"], [8, 1, 1])[0]
        request["QUERY_STRING"] = rng.choice(["", "", "", "view=freebusy", "x"])
    request["HTTP_DEPTH"] = rng.choice(["0", "1", "1", "infinity", "2"])
    if method == "PROPFIND":
        wanted = "".join(rng.sample(COLLECTION_PROPS, rng.randint(1, 8)))
        inner = rng.choices([f"<prop>{wanted}</prop>", "<allprop/>", "<propname/>"], [20, 1, 1])[0]
        request["body"] = f"<propfind {NAMESPACES}>{inner}</propfind>"
    elif method == "REPORT":
        request["body"] = random_report(rng, request["prefix"] + quote(book), hrefs, tokens)
    elif method in ("PUT", "DELETE"):
        # One that cannot be met, so that the same can be asked twice.
        request |= {"path": member, "HTTP_IF_MATCH": '"nonsense"', "CONTENT_TYPE": "text/vcard"}
        request["body"] = CARD.format(uid="x", fn="y") if method == "PUT" else ""
    return request


def both_ways(
    application: BcmApplication, request: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> list[tuple[int, dict[str, str], bytes]]:
    """What is answered in the fast way, and what in Radicale's."""
    application.fast_answers = True
    fast = call(application, **request)  # type: ignore[arg-type]
    with monkeypatch.context() as patch:
        application.fast_answers = False
        patch.setattr(searching, "narrowed", lambda *_: None)
        return [fast, call(application, **request)]  # type: ignore[arg-type]


def change(application: BcmApplication, rng: random.Random, number: int) -> None:
    """Something that every folder's answers have to follow."""
    card = CARD.format(uid="plain-2", fn=f"Changed {number}")
    if number % 20 == 0:
        put(application, "/alice/Contacts/p2.vcf", card)
        return
    storage = application._storage
    assert isinstance(storage, Storage)
    with storage.site.write(Actor("admin", "test", "command")) as unit:
        record = unit.records().get(str(rng.randint(1, 30)))
        assert record is not None
        company = rng.choice(["Contoso", "Fabrikam"])
        unit.records().update(record.id, {"company": company, "job_title": f"Buyer {number}"}, record.version)


def test_the_fast_way_answers_as_radicale_does(application: BcmApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status and content are equal for random requests while the folders change."""
    rng = random.Random(int(os.environ.get("BCM_SEED", "8")))
    known: dict[str, list[str]] = {}
    for book in BOOKS[:4]:
        owner = next(user for user in USERS if user.startswith(book.split("/")[1]))
        _, _, content = call(application, "PROPFIND", book, HTTP_DEPTH="1", user=owner)
        hrefs = [(each.text or "").rpartition("/")[2] for each in ET.fromstring(content).iter("{DAV:}href")]
        known[book] = [unquote(href) for href in hrefs if href]
    tokens: list[str] = []
    taken = cards = 0
    for number in range(REQUESTS):
        if number % 10 == 0:
            change(application, rng, number)
        request = random_request(rng, known, tokens)
        (status, head, content), (wanted_status, wanted_head, wanted) = both_ways(application, request, monkeypatch)
        assert status == wanted_status, (request, content, wanted)
        for name in ("DAV", "Content-Type", "ETag", "Last-Modified", "WWW-Authenticate"):
            assert head.get(name) == wanted_head.get(name), (name, request)
        if status == 207:
            taken += 1
            assert canonical(content) == canonical(wanted), request
            tokens += [each.text or "" for each in ET.fromstring(content).iter("{DAV:}sync-token")]
            tokens = tokens[-20:]
        else:
            cards += request["method"] == "GET" and status == 200
            assert content == wanted, request
    # Most of them are no mistakes.
    assert taken > REQUESTS / 3
    assert cards > REQUESTS / 40


def test_a_card_follows_the_set_up_of_its_book(tmp_path: Path) -> None:
    """What a process remembers of an address book is not used for a GET once anything has changed."""
    application = furnished(tmp_path)
    storage = application._storage
    assert isinstance(storage, Storage)
    path = "/alice/Contacts/00000000-0000-4000-8000-000000000001.vcf"
    etags = set()
    for category in ("Partners", "Friends"):
        other = open_site(storage.site.options, create=False)  # another process
        with other.write(Actor("admin", "test", "command")) as unit:
            setup.start(unit, "alice", setup.Choice(category=category))
        other.close()
        for _ in range(3):
            status, head, content = call(application, "GET", path)
            assert status == 200
            assert f"CATEGORIES:{category}".encode() in content
            etags.add(head["ETag"])
    assert len(etags) == 2
    storage.site.close()


def test_a_switch_turns_the_fast_way_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """bcm_fast_answers."""
    asked = []
    monkeypatch.setattr("radicale_bcm.server.fast.answer", lambda *_: asked.append(1))
    for fast in (True, False):
        home = tmp_path / str(fast)
        home.mkdir()
        (home / "radicale.ini").write_text(
            "[auth]\ntype=none\n[logging]\nlevel=critical\n[storage]\ntype=radicale_bcm\n"
            f"filesystem_folder={home}/collections\nbcm_fast_answers={fast}\n"
        )
        application = BcmApplication(load(str(home / "radicale.ini")))
        call(application, "PROPFIND", "/alice/", f"<propfind {NAMESPACES}><prop><getetag/></prop></propfind>")
        assert bool(asked) is fast
        asked.clear()
        storage = application._storage
        assert isinstance(storage, Storage)
        storage.site.close()


def test_a_switch_compares_both_ways(
    application: BcmApplication, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """bcm_compare_answers: Radicale's answer is given, and a difference is an error in the log."""
    body = f"<sync-collection {NAMESPACES}><sync-token/><prop><getetag/></prop></sync-collection>"
    application.fast_answers = False
    _, _, wanted = call(application, "REPORT", "/alice/Contacts/", body)
    application.fast_answers = application.compare_answers = True
    monkeypatch.setattr(logging.getLogger("radicale"), "propagate", True)
    try:
        for whole in (100, 10_000_000):
            monkeypatch.setattr("radicale_bcm.server.fast.WHOLE", whole)
            assert call(application, "REPORT", "/alice/Contacts/", body)[2] == wanted
            assert "is not Radicale's" not in caplog.text
        monkeypatch.setattr("radicale_bcm.server.hot._END", "<href>odd</href></multistatus>")
        assert call(application, "REPORT", "/alice/Contacts/", body)[2] == wanted
        assert "is not Radicale's" in caplog.text
    finally:
        application.compare_answers = False


def test_large_answers_are_sent_in_pieces(application: BcmApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the size that is sent as a whole, the same content comes in pieces, without a length."""
    monkeypatch.setattr("radicale_bcm.server.fast.WHOLE", 100)
    body = f"<sync-collection {NAMESPACES}><sync-token/><prop><getetag/><C:address-data/></prop></sync-collection>"
    application.fast_answers = True
    status, head, content = call(application, "REPORT", "/alice/Contacts/", body)
    application.fast_answers = False
    _, _, wanted = call(application, "REPORT", "/alice/Contacts/", body)
    assert status == 207
    assert "Content-Length" not in head
    assert canonical(content) == canonical(wanted)
