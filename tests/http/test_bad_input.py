# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501 - requests and cards are easier to read on one line
"""SPEC section 10, 4: no bad input gets a 5xx, and nothing is changed by it."""

import base64
import socket
from urllib.parse import urlsplit

import pytest

from tests.dav import Phone, card
from tests.http.company import PASSWORD, Office

DAV = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
BODIES = {
    "empty": "",
    "no XML": "no XML",
    "cut off": "<propfind",
    "not closed": "<propfind xmlns='DAV:'><prop>",
    "two roots": "<a/><b/>",
    "unknown root": "<unknown/>",
    "unknown namespace": '<x:propfind xmlns:x="urn:x"/>',
    "unbound prefix": "<D:propfind/>",
    "no prop": f"<propfind {DAV}/>",
    "empty prop": f"<propfind {DAV}><prop/></propfind>",
    "odd props": f"<propfind {DAV}><prop><x y='z'>text<![CDATA[<]]></x><C:address-data/></prop></propfind>",
    "deep": "<a>" * 20_000 + "</a>" * 20_000,
    "deep prop": f"<propfind {DAV}><prop>" + "<a>" * 20_000 + "</a>" * 20_000 + "</prop></propfind>",
    "wide": f"<propfind {DAV}><prop>" + "<a/>" * 20_000 + "</prop></propfind>",
    "entity": '<!DOCTYPE x [<!ENTITY a "b">]><propfind xmlns="DAV:"><prop>&a;</prop></propfind>',
    "external entity": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop>&a;</prop></propfind>',
    "NUL": "\0",
    "surrogate": '<?xml version="1.0" encoding="utf-16"?><a/>',
    "unknown encoding": '<?xml version="1.0" encoding="no-such"?><a/>',
    "sync without token": f"<sync-collection {DAV}><prop><getetag/></prop></sync-collection>",
    "sync level": f"<sync-collection {DAV}><sync-token/><sync-level>infinite</sync-level><prop/></sync-collection>",
    "sync limit": f"<sync-collection {DAV}><sync-token/><limit><nresults>-1</nresults></limit></sync-collection>",
    "multiget of nothing": f"<C:addressbook-multiget {DAV}><prop><getetag/></prop></C:addressbook-multiget>",
    "multiget of oddities": f"<C:addressbook-multiget {DAV}><prop><getetag/></prop>"
    + "".join(
        f"<href>{href}</href>"
        for href in (
            "",
            "/",
            "//",
            "http://[",
            "/alice/Contacts/%00",
            "/alice/Contacts/%ff",
            "/alice/Contacts/a%2Fb",
            "x" * 5000,
            "/alice/Contacts/../../bob/Contacts/",
            "/alice/Contacts/",
            "mailto:x",
            "http://elsewhere/x.vcf",
            "%",
            "/☃",
        )
    )
    + "</C:addressbook-multiget>",
    "query without filter": f"<C:addressbook-query {DAV}><prop><getetag/></prop></C:addressbook-query>",
    "query with odd filter": f"<C:addressbook-query {DAV}><prop><getetag/></prop><C:filter test='x'><C:prop-filter><C:text-match "
    "match-type='no' collation='i;no-such'>%</C:text-match></C:prop-filter></C:filter></C:addressbook-query>",
    "query for nothing": f"<C:addressbook-query {DAV}><prop><getetag/></prop><C:filter><C:prop-filter name=''/></C:filter>"
    "</C:addressbook-query>",
    "proppatch of nothing": f"<propertyupdate {DAV}><set/><remove/></propertyupdate>",
    "proppatch oddities": f"<propertyupdate {DAV}><set><prop><displayname>{'x' * 100_000}</displayname><getetag>1</getetag>"
    "<sync-token>x</sync-token></prop></set></propertyupdate>",
    "expand": f"<expand-property {DAV}/>",
    "principal search": f"<principal-property-search {DAV}/>",
    "calendar query": '<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop/><C:filter><C:comp-filter '
    'name="VCALENDAR"/></C:filter></C:calendar-query>',
    "free busy": '<C:free-busy-query xmlns:C="urn:ietf:params:xml:ns:caldav"><C:time-range start="x"/></C:free-busy-query>',
    "binary": bytes(range(256)),
}
METHODS = ("PROPFIND", "REPORT", "PROPPATCH", "MKCOL", "MKCALENDAR")
# Where a good body would rightly change something.
UNTOUCHED = {
    "MKCOL": ("/alice/Contacts/nobody.vcf",),
    "MKCALENDAR": ("/alice/Contacts/nobody.vcf",),
    "PROPPATCH": ("/alice/",),
}


# Before any database is asked.
ONE_ENGINE = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


@pytest.fixture
def phone(office: Office) -> Phone:
    return office.phone("alice")


@pytest.fixture
def unharmed(office: Office, phone: Phone):
    """Whatever a test sends, no record and no card changes, and no process of the server dies."""
    before = office.company.sql("SELECT * FROM contact ORDER BY id")
    phone.put("unharmed.vcf", card("uid-unharmed", "Unharmed"))
    phone.sync()
    cards, workers = dict(phone.cards), office.server.worker_pids()
    yield
    assert office.server.worker_pids() == workers
    phone.sync()
    assert phone.cards == cards
    assert office.company.sql("SELECT * FROM contact ORDER BY id") == before
    assert phone.get("unharmed.vcf").status_code == 200


@ONE_ENGINE
@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("method", METHODS)
def test_no_body_gets_a_5xx(phone: Phone, method):
    bad = {}
    for name, body in BODIES.items():
        for path in (phone.folder, "/alice/", f"{phone.folder}unharmed.vcf", f"{phone.folder}nobody.vcf"):
            if path in UNTOUCHED.get(method, ()):
                continue
            # A server may close the connection where it answers before it has read the body.
            answer = phone.client.request(method, path, content=body, headers={"Depth": "1", "Connection": "close"})
            if answer.status_code >= 500 or "root:" in answer.text:
                bad[name, path] = answer.status_code
    assert not bad


HEADERS = [
    {"If-Match": '"'},
    {"If-Match": 'W/"x"'},
    {"If-Match": "x" * 5000},
    {"If-Match": '"a", "b"'},
    {"If-Match": "é".encode("latin-1")},
    {"If-None-Match": '"x"'},
    {"If-None-Match": "x"},
    {"Content-Type": ""},
    {"Content-Type": "text/vcard; charset=no-such"},
    {"Content-Type": "text/vcard; charset="},
    {"Content-Type": "text/calendar"},
    {"Content-Type": ";;;"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "no-such"},
    {"Accept-Encoding": "no-such, ;q=x"},
    {"Depth": "x"},
    {"Depth": "-1"},
    {"Depth": "infinity"},
    {"Overwrite": "x"},
    {"Host": ""},
    {"Host": "☃".encode()},
    {"User-Agent": "x" * 5000},
    {"Range": "bytes=5-1"},
    {"X-Forwarded-For": "☃".encode()},
    {"X-Script-Name": "x"},
    {"X-Script-Name": "/x"},
    {"X-Forwarded-Host": "[" * 10},
    {"Authorization": "Basic"},
    {"Authorization": "Basic !!!"},
    {"Authorization": "Basic /w=="},
    {"Authorization": "Bearer x"},
    {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
    {"Authorization": "Basic " + base64.b64encode(b"\0:\0").decode()},
    {"Authorization": "Basic " + base64.b64encode(("a" * 5000 + ":b").encode()).decode()},
    {"Authorization": "Basic " + base64.b64encode(b"../bob:x").decode()},
    {"Expect": "x"},
    {"Cookie": "x" * 5000},
]


@ONE_ENGINE
@pytest.mark.usefixtures("unharmed")
def test_no_header_gets_a_5xx(phone: Phone):
    bad = []
    for headers in HEADERS:
        for method, body in (("GET", ""), ("PROPFIND", ""), ("REPORT", BODIES["sync without token"])):
            answer = phone.client.request(method, phone.folder, content=body, headers=headers)
            if answer.status_code >= 500:
                bad.append((method, headers, answer.status_code))
        answer = phone.client.put(phone.folder + "headers.vcf", content=card("uid-headers", "x"), headers=headers)
        if answer.status_code >= 500:
            bad.append(("PUT", headers, answer.status_code))
        phone.delete("headers.vcf")
    assert not bad


@ONE_ENGINE
@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("login", ["Basic", "Basic !", "Basic YWxpY2U=", "Basic /////w==", "Bearer x", "basic x"])
def test_a_login_that_cannot_be_read_is_asked_for_again(phone: Phone, login):
    for method in ("GET", "PROPFIND", "PUT", "DELETE"):
        answer = phone.client.request(method, phone.folder + "none.vcf", headers={"Authorization": login}, auth=None)
        assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True), method


@ONE_ENGINE
@pytest.mark.usefixtures("unharmed")
def test_no_destination_gets_a_5xx(phone: Phone):
    bad = []
    for destination in (
        "",
        "x",
        "/",
        "//",
        "http://[",
        "http://x:y/",
        "http://x:99999/a",
        "http://elsewhere/alice/Contacts/x.vcf",
        "/alice",
        "/alice/",
        "/alice/Contacts",
        "/alice/Contacts/",
        "/alice/../bob/Contacts/x.vcf",
        "/bob/Contacts/x.vcf",
        "/%00",
        "%",
        "/%ff",
        "/alice/Contacts/unharmed.vcf/x",
        "/nobody/x/y/z",
        "/alice/Contacts/" + "x" * 5000,
        "mailto:x",
        "☃".encode(),
    ):
        for method in ("MOVE", "COPY"):
            answer = phone.client.request(method, f"{phone.folder}unharmed.vcf", headers={"Destination": destination})
            if not 400 <= answer.status_code < 500:
                bad.append((method, destination, answer.status_code))
    assert not bad


ODD_NAMES = (
    "a%2Fb.vcf",
    "..%2Fb.vcf",
    "%2e%2e/x.vcf",
    "../x.vcf",
    "./x.vcf",
    ".",
    "..",
    "%00.vcf",
    "a%0d%0ab.vcf",
    "%ff%fe.vcf",
    "☃.vcf",
    "x" * 255 + ".vcf",
    "x" * 3000,
    "a//b.vcf",
    "a/b.vcf",
    "a\\b.vcf",
    "CON",
    ".hidden",
    "~x",
    "x~",
    "a:b.vcf",
    "a*?.vcf",
    "%",
    "%zz",
    ".Radicale.props",
    ".Radicale.lock",
    "x.vcf/",
    "%20",
    "x%20",
    "' OR 1=1 --",
    "%25%73",
    "{}",
    "%s%n",
    "\u202e.vcf",
    "e\u0301.vcf",
    "\U0001f984.vcf",
)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE", "PROPFIND", "MKCOL"])
def test_no_name_gets_a_5xx(phone: Phone, method):
    """%2F, dots, control characters, other scripts, very long ones: raw, as a client might send them"""
    bad = []
    for number, name in enumerate(ODD_NAMES):
        path = phone.folder + name
        content = card(f"uid-odd-name-{number}", "Odd").encode() if method == "PUT" else b""
        status = raw_request(phone, method, path, content)
        if not 200 <= status < 500:
            bad.append((name[:40], status))
    for href in phone.sync()[0]:
        phone.delete(href)
    phone.sync()
    assert not bad


def raw_request(phone: Phone, method: str, path: str, content: bytes) -> int:
    """A request whose target nobody normalises; the status."""
    url = urlsplit(str(phone.client.base_url))
    target = path.replace(" ", "%20").encode()
    login = base64.b64encode(f"alice:{PASSWORD}".encode())
    with socket.create_connection((url.hostname, url.port), 30) as connection:
        connection.sendall(
            b"%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (method.encode(), target, url.netloc.encode(), login, len(content), content)
        )
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 400


@ONE_ENGINE
@pytest.mark.usefixtures("unharmed")
def test_no_method_gets_a_5xx(phone: Phone):
    bad = []
    for method in (
        "TRACE",
        "CONNECT",
        "PATCH",
        "LOCK",
        "UNLOCK",
        "COPY",
        "POST",
        "SEARCH",
        "ACL",
        "BIND",
        "get",
        "X" * 100,
        "__CLASS__",
        "_",
    ):
        for path in (
            "/",
            "/alice/",
            phone.folder,
            f"{phone.folder}unharmed.vcf",
            f"{phone.folder}nobody.vcf",
            "/.web/",
            "/.well-known/x",
        ):
            status = raw_request(phone, method, path, b"")
            if not 200 <= status < 500:
                bad.append((method, path, status))
    assert not bad


CARDS = {
    "no colon": "BEGIN:VCARD\r\nVERSION:3.0\r\nFN\r\nEND:VCARD\r\n",
    "version 99": card("uid-bad", "x", version="99"),
    "NUL inside": card("uid-bad", "a\0b"),
    "control characters": card("uid-bad", "".join(map(chr, range(1, 32))).replace("\r", "").replace("\n", "")),
    "no characters": card("uid-bad", "\ufffe\uffff"),
    "nested": card("uid-bad", "x", "BEGIN:VCARD", "VERSION:3.0", "FN:y", "END:VCARD"),
    "two FN, N, UID": card("uid-bad", "x", "FN:y", "N:z;;;;", "UID:uid-bad-2"),
    "huge number": card("uid-bad", "x", "X-BCM-VERSION:" + "9" * 400, "BDAY:" + "9" * 400),
    "odd dates": card("uid-bad", "x", "BDAY:0000-00-00", "BDAY:99999-99-99", "ANNIVERSARY:--", "REV:never"),
    "odd parameters": card(
        "uid-bad", "x", "TEL;;;TYPE=;=;:1", 'TEL;TYPE="work:1', "TEL;TYPE=^n^':1", "TEL;ENCODING=X:1"
    ),
    "bad charset": card(
        "uid-bad", "x", "NOTE;CHARSET=no-such;ENCODING=QUOTED-PRINTABLE:=ZZ=E4=", "NOTE;CHARSET=utf-7:+AD0-"
    ),
    "long line": card("uid-bad", "x" * 300_000),
    "long UID": card("u" * 5000, "x"),
    "empty UID": card("", "x"),
    "UID with line end": card("a\\nb", "x"),
    "path as UID": card("../../etc/passwd", "x"),
    "HTML": card("uid-bad", "<script>alert(1)</script>]]>&amp;&#0;"),
    "invalid UTF-8": card("uid-bad", "x").encode().replace(b"FN:x", b"FN:\xff\xfe\xe4"),
    "UTF-16": card("uid-bad", "x").encode("utf-16"),
    "gzip": base64.b64decode("H4sIAAAAAAAAA3MKcnX0c/EMDuHlCgYAH+Qq9gsAAAA="),
    "a calendar": "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
    "half a calendar": "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
}


@pytest.mark.parametrize("kind", ["plain", "business"])
def test_no_card_gets_a_5xx_and_every_answer_stays_readable(office: Office, phone: Phone, nick, kind):
    """C7, C10; one broken card must not empty the whole book (FACTS.md)"""
    phone.sync()
    href = "bad-card.vcf" if kind == "plain" else phone.business_card(nick)[0]
    bad = {}
    for name, text in CARDS.items():
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        answer = phone.client.put(
            phone.folder + href, content=content, headers={"Content-Type": "text/vcard; charset=utf-8"}
        )
        if answer.status_code >= 500:
            bad[name] = answer.status_code
        elif answer.status_code < 400:
            got = phone.get(href)
            assert (got.status_code, bool(got.text)) == (200, True), name
            phone.sync()
            assert phone.cards[href][0] == got.headers["ETag"], name
            assert office.phone("alice", agent="fresh").cards.keys() == phone.cards.keys(), name
        if kind == "plain":
            phone.delete(href)
            phone.sync()
    assert not bad
    if kind == "business":
        phone.sync()
        assert phone.shows(nick)
        assert office.phone("bob").shows(nick)
