# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast way's answers equal Radicale's, element by element, over random requests (BCM_LONG=1 for 5,000)."""

import base64
import io
import os
import random
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from radicale_bcm.books.history import Actor
from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.config import load
from radicale_bcm.server.storage import Storage
from radicale_bcm.sync import pull, setup

REQUESTS = 5000 if os.environ.get("BCM_LONG") else 400
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


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BcmApplication]:
    home: Path = tmp_path_factory.mktemp("fast")
    (home / "users").write_text("alice:a\nbob:b\n")
    (home / "radicale.ini").write_text(
        f"[auth]\ntype=htpasswd\nhtpasswd_filename={home}/users\nhtpasswd_encryption=plain\ndelay=0\n"
        "[rights]\ntype=owner_only\n[logging]\nlevel=critical\n"
        f"[storage]\ntype=radicale_bcm\nfilesystem_folder={home}/collections\n"
    )
    application = BcmApplication(load(str(home / "radicale.ini")))
    storage = application._storage
    assert isinstance(storage, Storage)
    with storage.site.write(Actor("admin", "test", "command")) as unit:
        for number in range(30):
            unit.records().insert(
                {"given_name": f"Nick & <{number}>", "email": f"n{number}@example.com", "note": "ä\nb"}
            )
    pull.pull_all(storage.site)
    with storage.site.write(Actor("admin", "test", "command")) as unit:
        setup.start(unit, "alice", setup.Choice(folder="Contacts"))
    for number in range(30):
        name = ("plain {}.vcf", "pläin-{}.vcf", "p{}.vcf")[number % 3].format(number)
        put(application, f"/alice/Contacts/{name}", CARD.format(uid=f"plain-{number}", fn=f"Plain <{number}>"))
    yield application
    storage.site.close()


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


def random_request(rng: random.Random, hrefs: list[str], tokens: list[str]) -> dict[str, str]:
    """A request as clients send it, or a little odd."""
    path = rng.choices(["/alice/Contacts/", "/alice/Contacts", "/alice/", "/alice/Contacts/p2.vcf", "/bob/Contacts/"],
                       [20, 2, 1, 1, 1])[0]  # fmt: skip
    request = {"path": path, "prefix": rng.choices(["", "/dav"], [5, 1])[0]}
    request["user"] = rng.choices(["alice:a", "bob:b", "", "alice:wrong"], [20, 2, 1, 1])[0]
    stem = request["prefix"] + "/alice/Contacts/"
    kind = rng.choice(["propfind", "propfind", "sync", "sync", "multiget", "query", "odd"])
    props = "".join(rng.sample(MEMBER_PROPS, rng.randint(0, 3)))
    if kind == "propfind":
        wanted = "".join(rng.sample(COLLECTION_PROPS, rng.randint(1, 8)))
        inner = rng.choices([f"<prop>{wanted}</prop>", "<allprop/>", "<propname/>"], [20, 1, 1])[0]
        body = f"<propfind {NAMESPACES}>{inner}</propfind>"
        return request | {"method": "PROPFIND", "body": body, "HTTP_DEPTH": rng.choice(["0", "1", "1", "infinity"])}
    if kind == "sync":
        token = rng.choice([*tokens, "", "", "http://radicale.org/ns/sync/nonsense"])
        body = f"<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><prop>{props}</prop></sync-collection>"
    elif kind == "multiget":
        chosen = rng.sample(hrefs, rng.randint(0, 10)) + rng.choice([[], ["missing.vcf"], ["../../bob/Contacts/x"]])
        listed = "".join(f"<href>{stem}{href}</href>" for href in chosen)
        body = f"<C:addressbook-multiget {NAMESPACES}><prop>{props}</prop>{listed}</C:addressbook-multiget>"
    elif kind == "query":
        inner = rng.choice(["", "<C:filter/>", '<C:filter><C:prop-filter name="FN"/></C:filter>'])
        body = f"<C:addressbook-query {NAMESPACES}><prop>{props}</prop>{inner}</C:addressbook-query>"
    else:
        body = rng.choice(["", "<nonsense", f"<C:calendar-multiget {NAMESPACES}/>", f"<expand-property {NAMESPACES}/>"])
    return request | {"method": "REPORT", "body": body, "HTTP_DEPTH": rng.choice(["0", "1"])}


def test_the_fast_way_answers_as_radicale_does(application: BcmApplication) -> None:
    """Status and content are equal for random requests while the folder changes."""
    rng = random.Random(int(os.environ.get("BCM_SEED", "8")))
    _, _, content = call(application, "PROPFIND", "/alice/Contacts/", HTTP_DEPTH="1")
    hrefs = [(each.text or "").rpartition("/")[2] for each in ET.fromstring(content).iter("{DAV:}href")]
    hrefs = [href for href in hrefs if href]
    tokens: list[str] = []
    for number in range(REQUESTS):
        if number % 10 == 0:
            put(application, "/alice/Contacts/p2.vcf", CARD.format(uid="plain-2", fn=f"Changed {number}"))
        request = random_request(rng, hrefs, tokens)
        answers = []
        for fast in (True, False):
            application.fast_answers = fast
            answers.append(call(application, **request))  # type: ignore[arg-type]
        (status, head, content), (wanted_status, wanted_head, wanted) = answers
        assert status == wanted_status, (request, content, wanted)
        assert head.get("DAV") == wanted_head.get("DAV"), request
        assert head.get("Content-Type") == wanted_head.get("Content-Type"), request
        if status == 207:
            assert canonical(content) == canonical(wanted), request
            tokens += [each.text or "" for each in ET.fromstring(content).iter("{DAV:}sync-token")]
            tokens = tokens[-20:]


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
