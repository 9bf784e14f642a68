# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that means harm: a clear answer below 500, within a second or so, and nothing changed (SPEC 10.4)."""

import base64
import io
import time

import pytest
from radicale import config

from radicale_bcm.server.application import BcmApplication
from radicale_bcm.sync import records, setup
from radicale_bcm.sync.setup import Choice
from tests.contract.trust import ADMIN, BOOK
from tests.dav import card

SECONDS = 10.0  # of processor time; what is well takes less than one, what would hang takes minutes
HREF = f"/{BOOK}/"
LOGIN = "Basic " + base64.b64encode(b"alice:x").decode()
SYNC = (
    '<?xml version="1.0"?><sync-collection xmlns="DAV:"><sync-token>{}</sync-token><sync-level>1</sync-level>'
    "<prop/></sync-collection>"
)
MULTIGET = (
    '<?xml version="1.0"?><C:addressbook-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
    "<prop><getetag/></prop>{}</C:addressbook-multiget>"
)
QUERY = (
    '<?xml version="1.0"?><C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><getetag/>'
    "</prop><C:filter{}>{}</C:filter></C:addressbook-query>"
)


class Client:
    """Requests to an Application in this process."""

    def __init__(self, folder) -> None:
        configuration = config.load()
        configuration.update(
            {
                "storage": {"type": "radicale_bcm", "filesystem_folder": str(folder)},
                "auth": {"type": "none", "delay": "0"},
                "logging": {"level": "critical"},
            },
            "test",
            privileged=True,
        )
        self.application = BcmApplication(configuration)
        self.site = self.application._storage.site

    def __call__(self, method, path, body=b"", **headers):
        body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "text/vcard" if body[:5] == b"BEGIN" else "text/xml",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "HTTP_AUTHORIZATION": LOGIN,
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        }
        said = []
        started = time.process_time()
        answer = b"".join(self.application(environ, lambda status, headers: said.append((status, headers))))
        self.seconds = time.process_time() - started
        return int(said[0][0][:3]), answer


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    client = Client(tmp_path_factory.mktemp("hostile"))
    with client.site.write(ADMIN) as unit:
        setup.start(unit, "alice", Choice(folder="Contacts"))
        records.add(unit, {"name": "Nick Brigandi", "email": "nick@example.com"})
    assert client("PUT", HREF + "p.vcf", card("p", "Plain"))[0] == 201
    yield client
    client.site.close()


@pytest.fixture
def unharmed(client):
    """Nothing may be different afterwards."""
    yield client
    assert client.seconds < SECONDS
    status, answer = client("GET", HREF + "p.vcf")
    assert (status, answer.decode()) == (200, card("p", "Plain"))
    with client.site.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM item").scalar_one() == 1
        assert conn.exec_driver_sql("SELECT count(*) FROM card WHERE gone").scalar_one() == 0


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><propfind xmlns="DAV:"><prop><displayname>&i;</displayname></prop></propfind>'
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<propfind xmlns="DAV:"><prop>&x;</prop></propfind>'
)
ELSEWHERE = '<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://127.0.0.1:1/x"><propfind xmlns="DAV:"><prop/></propfind>'
XML = {
    "entity bomb": BOMB,
    "a file": OUTSIDE,
    "a document type": ELSEWHERE,
    "deep": "<a>" * 200_000 + "</a>" * 200_000,
    "deep and valid": f'<propfind xmlns="DAV:"><prop>{"<a>" * 20_000}{"</a>" * 20_000}</prop></propfind>',
    "unclosed": "<a>" * 100_000,
    "many attributes": "<propfind " + " ".join(f"a{n}='1'" for n in range(20_000)) + " xmlns='DAV:'><prop/></propfind>",
    "many properties": f'<propfind xmlns="DAV:"><prop>{"".join(f"<x{n}/>" for n in range(5_000))}</prop></propfind>',
    "no XML": "\0\1\2",
    "another encoding": '<?xml version="1.0" encoding="utf-7"?><propfind xmlns="DAV:"/>',
    "utf-16": '<?xml version="1.0" encoding="utf-16"?><propfind xmlns="DAV:"/>'.encode("utf-16"),
    "bad bytes": b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:">\xff\xfe</propfind>',
    "nothing": "",
    "another root": "<html/>",
}


@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "MKCALENDAR"])
@pytest.mark.parametrize("what", XML)
def test_xml(unharmed, method, what):
    path = HREF if method in ("PROPFIND", "REPORT", "PROPPATCH") else "/alice/new/"
    status, answer = unharmed(method, path, XML[what], depth="1")
    assert status < 500, answer
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "token",
    [
        "x" * 1_000_000,
        "http://radicale.org/ns/sync/" + "9" * 100_000,
        "http://radicale.org/ns/sync/1-1-" + "0" * 16,
        "http://radicale.org/ns/sync/-1--1-0000000000000000",
        "http://radicale.org/ns/sync/٣-1-0000000000000000",
        "http://radicale.org/ns/sync/1-1-0000000000000000' OR 1=1 --",
        "&#xD800;",
        "\u0130" * 1000,
    ],
    ids=range(8),
)
def test_sync_tokens(unharmed, token):
    status, answer = unharmed("REPORT", HREF, SYNC.format(token))
    assert status in (400, 403), answer


def test_multigets(unharmed):
    hrefs = "".join(f"<href>{HREF}{number}.vcf</href>" for number in range(20_000))
    status, answer = unharmed("REPORT", HREF, MULTIGET.format(hrefs))
    assert status in (207, 400, 403, 413)
    for odd in (
        "/../../etc/passwd",
        "//",
        "http://[",
        "/alice/Contacts/%00",
        "%",
        "/bob/x/y.vcf",
        "x" * 100_000,
        "\u202e",
    ):
        status, answer = unharmed("REPORT", HREF, MULTIGET.format(f"<href>{odd}</href>"))
        assert status < 500, (odd, answer)
        assert b"BEGIN" not in answer


def test_queries(unharmed):
    match = '<C:text-match match-type="contains">{}</C:text-match>'
    prop = '<C:prop-filter name="{}">{}</C:prop-filter>'
    for attributes, inner in (
        ("", prop.format("FN", match.format("a" * 1_000_000))),
        ("", prop.format("FN", match.format("%_\\'\";--")) * 1),
        ("", prop.format("FN", match.format("x")) * 5_000),
        ("", prop.format("x" * 100_000, "")),
        (' test="nonsense"', prop.format("FN", "")),
        ("", prop.format("FN", '<C:text-match match-type="nonsense" collation="nonsense">x</C:text-match>')),
        ("", '<C:comp-filter name="VEVENT"><C:time-range start="x" end="y"/></C:comp-filter>'),
        ("", "<C:prop-filter/>"),
        ("", "<C:nonsense>" * 500 + "</C:nonsense>" * 500),
    ):
        status, answer = unharmed("REPORT", HREF, QUERY.format(attributes, inner))
        assert status < 500, (inner[:100], answer[:200])
        assert unharmed.seconds < SECONDS


def test_cards(unharmed):
    deep = "".join(f"a{number}." for number in range(10_000))
    for text in (
        "BEGIN:VCARD\r\n" * 50_000,
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN" + ";X=" + ",=" * 50_000 + ":x\r\nEND:VCARD\r\n",
        "BEGIN:VCARD\r\nVERSION:3.0\r\n" + deep + "FN:x\r\n",
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\n" + " y\r\n" * 200_000,
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:" + "\\" * 500_001 + "\r\n",
        "BEGIN:VCARD\r\nVERSION:2.1\r\nNOTE;ENCODING=QUOTED-PRINTABLE:" + "=\r\n" * 200_000,
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN;CHARSET=zip;ENCODING=BASE64:AAAA\r\n",
        "\0" * 100_000,
        "",
    ):
        status, answer = unharmed("PUT", HREF + "p.vcf", text, if_match='"no"')
        assert status < 500, (text[:60], answer)
        assert unharmed.seconds < SECONDS


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/alice/Contacts/../../../etc/passwd", "/%00", "/\0", "/alice/Contacts/\0.vcf", "//",
        "/" * 10_000, "/" + "a/" * 5_000, "/alice/" + "x" * 100_000, "/alice/Contacts/" + "x" * 1_000 + ".vcf",
        "/alice/Contacts/\xff\xfe", "/alice/Contacts/%2e%2e/x", "/alice/Contacts/a'; DROP TABLE item; --",
        "/.web/../alice/", "/.well-known/", "",
    ],
    ids=range(16),
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PROPFIND", "DELETE", "MKCOL", "MOVE"])
def test_paths(unharmed, method, path):
    if method == "MOVE":
        path, extra = HREF + "none.vcf", {"destination": f"http://127.0.0.1{path}", "host": "127.0.0.1"}
    else:
        extra = {}
    status, answer = unharmed(method, path, **extra)
    assert status < 500, answer


@pytest.mark.parametrize(
    "name",
    ["if_match", "if_none_match", "depth", "destination", "overwrite", "user_agent", "host", "accept",
     "accept_encoding", "x_script_name", "x_remote_user", "cookie", "prefer"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["", "x" * 100_000, "\xff\0'\"", "-1", "[", "http://[", '"' * 1_000])
def test_headers(unharmed, name, value):
    for method, path in (("PROPFIND", HREF), ("GET", HREF + "none.vcf"), ("DELETE", HREF + "none.vcf"),
                         ("MOVE", HREF + "none.vcf")):  # fmt: skip
        status, answer = unharmed(method, path, **{"host": "127.0.0.1", name: value})
        assert status < 500, (method, answer)


@pytest.mark.parametrize("body", ["\nFN:\r", "", "x", "BEGIN:VCARD", "\0"])
def test_a_whole_address_book_with_nothing_in_it(unharmed, body):
    """Radicale cannot tell what it is to be, and fails."""
    status, answer = unharmed("PUT", "/alice/new/", body)
    assert status < 500, answer


LOGINS = (
    "Basic",
    "Basic !",
    "Basic x",
    "Basic YWxpY2U=",
    "Basic /////w==",
    "Basic é",
    "Basic " + "QQ==" * 10_000,
    "Bearer x",
)


@pytest.mark.parametrize("login", LOGINS, ids=range(len(LOGINS)))
def test_logins(unharmed, login):
    """What is no name and password is nobody's; Radicale itself fails there."""
    for method in ("GET", "PROPFIND"):
        status, _ = unharmed(method, HREF + "none.vcf", authorization=login)
        assert status < 500


@pytest.mark.parametrize(
    "expression",
    ["(" * 100_000, "a|" * 50_000, "*" * 100_000, "<>" * 50_000, "'" * 99_999, "@" * 10_000, "..", "1.." * 10_000,
     "\0", "\ud800", "*a" * 2_000, "?" * 10_000, "(a|" * 5_000 + "b" + ")" * 5_000],
    ids=range(13),
)  # fmt: skip
@pytest.mark.parametrize("field", ["name", "modified", "rating", "type", "phone", "x" * 10_000])
def test_filters(client, field, expression):
    from radicale_bcm.contacts.filter_error import FilterError
    from radicale_bcm.contacts.filters import parse_filters

    started = time.process_time()
    said = ""
    try:
        parsed = parse_filters([f"{field}={expression}"])
        parsed.matches({"name": "a" * 1_000}, {"type": "business-contact"})
    except FilterError as error:
        said = str(error)
    assert len(said) < 2_000 + len(field)
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize("content", [
    b"", b"\0" * 1_000_000, b'name\n"' + b"x" * 2_000_000, b"name," * 50_000 + b"\n" + b"x," * 50_000,
    b"name\n" + b'"\n' * 100_000, b"BEGIN:VCARD\n" * 30_000, b"name;email\n" + b"\xff\xfe;\x81\n" * 10_000,
    b"sep=\n", b"sep=;;;\nname\n",
    b"name,birthday\nx," + b"9" * 100_000, b"name,email\nx," + b"9" * 5_000, b"name,note\n=cmd|' /C calc'!A0,=1+1\n",
], ids=range(12))  # fmt: skip
@pytest.mark.parametrize("suffix", [".csv", ".vcf", ".txt"])
def test_imports(client, tmp_path, content, suffix):
    from radicale_bcm.sync.importing import Import

    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    started = time.process_time()
    outcome = Import(client.site, ADMIN).run([str(path)], dry_run=True)
    assert time.process_time() - started < SECONDS
    for each in (*outcome.refused, *outcome.notes, *outcome.skipped):
        assert len(each.reason) < 2_000, each.reason[:300]


@pytest.mark.parametrize(
    "name",
    ["bcm_max_deletes", "bcm_deletes_window", "bcm_retention_days", "bcm_poll_interval", "bcm_marker", "bcm_public_url",
     "bcm_on_conflict", "bcm_required_fields", "bcm_metrics"],
)  # fmt: skip
@pytest.mark.parametrize(
    "value", ["-1", "nan", "1e400", "9" * 5_000, "\u0663x", "x" * 10_000, "a,b", "javascript:alert(1)"]
)
def test_configurations(name, value):
    """A wrong value is an error that names the option; nothing starts with it."""
    from radicale_bcm.server.config import with_plugin_schema

    configuration = config.load()
    configuration.update({"storage": {"type": "radicale_bcm"}}, "test", privileged=True)
    plugin = with_plugin_schema(configuration)
    with pytest.raises(RuntimeError, match=name):
        plugin.update({"storage": {name: value}}, "test", privileged=True)
