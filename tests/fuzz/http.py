# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole requests, under spoilt input: to the application in this process, and as bytes to the production server."""

import base64
import contextlib
import io
import logging
import random
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from radicale import config

from radicale_bcm.server.application import BcmApplication
from radicale_bcm.sync import records, setup, verify
from radicale_bcm.sync.setup import Choice
from tests.contract.trust import ADMIN
from tests.dav import Server, card
from tests.fuzz.cards import CARDS
from tests.fuzz.cards import FRAGMENTS as CARD_FRAGMENTS
from tests.fuzz.mutate import Spoiler

LOGIN = "Basic " + base64.b64encode(b"alice:x").decode()
BOOK = "/alice/Contacts/"
_NS = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
_XML = '<?xml version="1.0"?>'
_PROPS = "<prop><getetag/><C:address-data/></prop>"
_TOKEN = "http://radicale.org/ns/sync/{}"


@dataclass(frozen=True)
class Asked:
    """A request. The path is as a WSGI server passes it, without its percent signs."""

    method: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def _report(element: str, inner: str) -> Asked:
    return Asked("REPORT", BOOK, f"{_XML}<{element} {_NS}>{inner}</{element}>", {"Depth": "1"})


def _prop_filter(name: str, inner: str) -> str:
    return f'{_PROPS}<C:filter test="anyof"><C:prop-filter name="{name}">{inner}</C:prop-filter></C:filter>'


REQUESTS = (
    Asked("OPTIONS", "/"), Asked("GET", "/"), Asked("GET", BOOK), Asked("HEAD", BOOK + "p.vcf"),
    Asked("GET", "/.well-known/carddav"),
    Asked("GET", "/.health"), Asked("GET", "/.web/"), Asked("GET", BOOK + "p.vcf", "", {"If-None-Match": '"x"'}),
    *(Asked("PUT", f"{BOOK}n{number}.vcf", text, {"Content-Type": "text/vcard"}) for number, text in enumerate(CARDS)),
    Asked("PUT", BOOK + "p.vcf", card("p", "Plain"), {"Content-Type": "text/vcard; charset=utf-8", "If-Match": '"x"'}),
    Asked("PUT", "/alice/new/", CARDS[0] + CARDS[1], {"Content-Type": "text/vcard"}),
    Asked("PUT", BOOK, CARDS[0] + CARDS[1], {"Content-Type": "text/vcard"}),
    Asked("DELETE", BOOK + "n0.vcf", "", {"If-Match": '"x"'}), Asked("DELETE", BOOK + "n1.vcf"),
    Asked("DELETE", "/alice/new/"),
    Asked("MOVE", BOOK + "n2.vcf", "", {"Destination": "http://127.0.0.1/alice/other/m.vcf", "Overwrite": "F"}),
    Asked("MKCOL", "/alice/made/",
          f"{_XML}<mkcol {_NS}><set><prop><resourcetype><collection/><C:addressbook/></resourcetype>"
          "<displayname>Made</displayname></prop></set></mkcol>"),
    Asked("MKCALENDAR", "/alice/calendar/", f'{_XML}<C:mkcalendar xmlns:C="urn:ietf:params:xml:ns:caldav"/>'),
    Asked("PROPFIND", "/",
          f"{_XML}<propfind {_NS}><prop><current-user-principal/><resourcetype/></prop></propfind>", {"Depth": "0"}),
    Asked("PROPFIND", "/alice/", f"{_XML}<propfind {_NS}><allprop/></propfind>", {"Depth": "1"}),
    Asked("PROPFIND", BOOK, f"{_XML}<propfind {_NS}><prop><getetag/><sync-token/><C:supported-address-data/>"
          "<current-user-privilege-set/></prop></propfind>", {"Depth": "1"}),
    Asked("PROPPATCH", BOOK, f"{_XML}<propertyupdate {_NS}><set><prop><displayname>Ours</displayname></prop></set>"
          "<remove><prop><C:addressbook-description/></prop></remove></propertyupdate>"),
    _report("sync-collection", f"<sync-token/><sync-level>1</sync-level>{_PROPS}"),
    _report("sync-collection",
            f"<sync-token>{_TOKEN.format('3-1-0123456789abcdef')}</sync-token><sync-level>1</sync-level>{_PROPS}"),
    _report("C:addressbook-multiget", f"{_PROPS}<href>{BOOK}p.vcf</href><href>{BOOK}n0.vcf</href>"),
    _report("C:addressbook-query",
            _prop_filter("FN", '<C:text-match negate-condition="no">i</C:text-match>')),
    _report("C:addressbook-query",
            _prop_filter("TEL", '<C:param-filter name="TYPE"><C:text-match>work</C:text-match></C:param-filter>')),
    _report("C:addressbook-query",
            _prop_filter("NOTE", "<C:is-not-defined/>") + '<C:limit><C:nresults>1</C:nresults></C:limit>'),
    _report("expand-property", '<property name="current-user-principal"/>'),
)  # fmt: skip
_LISTING = next(each for each in REQUESTS if (each.method, each.path) == ("PROPFIND", BOOK))
_METHODS = (
    "OPTIONS", "GET", "HEAD", "PUT", "DELETE", "MOVE", "COPY", "MKCOL", "MKCALENDAR", "PROPFIND", "PROPPATCH",
    "REPORT", "POST", "LOCK", "ACL", "", "get", "X" * 100,
)  # fmt: skip
_PATHS = (
    "/alice/Contacts/../Contacts/p.vcf", "/alice/Contacts/.vcf", "/alice/Contacts/%2e%2e/", "/bob/",
    "/alice//Contacts//p.vcf", "/.", "/..", "/alice/Contacts/p.vcf/x", "/.web/x", "/.well-known/caldav",
    "//127.0.0.1/", "", "alice", "/alice/Contacts", "/\xff\xfe", "/alice/é/",
)  # fmt: skip
_HEADERS = (
    "Depth", "If-Match", "If-None-Match", "Destination", "Overwrite", "Content-Type", "Content-Encoding",
    "Accept-Encoding", "User-Agent", "Host", "X-Script-Name", "X-Forwarded-For", "Prefer", "Brief", "Authorization",
    "Content-Length", "Range", "Origin", "Cookie",
)  # fmt: skip
_VALUES = (
    "", "0", "1", "infinity", "-1", "*", '"x"', 'W/"x"', "T", "F", "text/vcard", "text/vcard; charset=utf-16",
    "text/vcard; charset=zip", "text/xml; charset=", "gzip", "gzip, deflate;q=x",
    "http://127.0.0.1/alice/Contacts/z.vcf", "http://[", "return=minimal", "Thunderbird/128",
    "iOS/18.0 (1) dataaccessd/1.0", "DAVx5/4.4", LOGIN, "Basic !", "Bearer x", "9" * 400, "é\xff", "a\0b",
)  # fmt: skip
_FRAGMENTS = (
    "<prop>", "</prop>", "<href>", "</href>", "<C:filter>", "<allprop/>", "<sync-token>", "<![CDATA[",
    "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "xmlns=", 'xmlns:C=""', "<?xml version='1.0' encoding='utf-16'?>", "<a>",
    "<propname/>", f"{BOOK}p.vcf", "http://[", "D:", *CARD_FRAGMENTS,
)  # fmt: skip
_WIRE_FRAGMENTS = (
    "HTTP/1.1", "HTTP/0.9", "Transfer-Encoding: chunked\r\n", "\r\n\r\n", "Expect: 100-continue\r\n", "0\r\n\r\n",
    "Connection: upgrade\r\n", "5\r\nhello\r\n", "Content-Length: 99999\r\n",
)  # fmt: skip
_VERIFY_EVERY = 1_000


class _Requests:
    """Makes spoilt requests."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self._spoiler = Spoiler(chance, _FRAGMENTS)
        self._bodies = tuple(filter(None, (each.body for each in REQUESTS)))

    def make(self) -> Asked:
        """An input."""
        chance, asked = self.chance, self.chance.choice(REQUESTS)
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            kind = chance.randrange(10)
            if kind == 0:
                asked = replace(asked, method=chance.choice(_METHODS))
            elif kind == 1:
                asked = replace(asked, path=chance.choice((*_PATHS, *(each.path for each in REQUESTS))))
            elif kind == 2:
                asked = replace(asked, path=self._spoiler.spoilt(asked.path))
            elif kind < 6:
                value = chance.choice(_VALUES)
                value = self._spoiler.spoilt(value) if chance.random() < 0.3 else value
                asked = replace(asked, headers={**asked.headers, chance.choice(_HEADERS): value})
            else:
                asked = replace(asked, body=self._spoiler.spoilt(asked.body, self._bodies))
        return asked


class _Errors(logging.Handler):
    """Collects what is logged with a traceback: nothing a client sends may be worth one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        if str(record.msg).startswith("Failed "):
            return  # a refusal of ours, which Radicale logs so
        if record.exc_info or "Traceback" in str(record.msg) or "exception" in record.getMessage().lower():
            self.found.append(logging.Formatter().format(record))


class Requests(_Requests):
    """Requests to the application in this process: answered below 500, and the databases stay sound."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self._folder = tempfile.TemporaryDirectory(prefix="bcm-fuzz-")
        configuration = config.load()
        storage = {"type": "radicale_bcm", "filesystem_folder": self._folder.name}
        sections = {"storage": storage, "auth": {"type": "none", "delay": "0"}, "logging": {"level": "error"}}
        configuration.update(sections, "test", privileged=True)
        self._application = BcmApplication(configuration)
        self._site = self._application._storage.site
        with self._site.write(ADMIN) as unit:
            setup.start(unit, "alice", Choice(folder="Contacts"))
            setup.start(unit, "bob", Choice(folder="Contacts", access="ro"))
            for number in range(5):
                records.add(unit, {"name": f"Nick {number}", "email": f"nick{number}@example.com"})
        self._errors = _Errors()
        logger = logging.getLogger("radicale")
        logger.addHandler(self._errors)
        logger.propagate = False
        self._done = 0

    def try_it(self, asked: Asked) -> str:
        """Send it."""
        self._errors.found.clear()
        status, answer = self._ask(asked)
        assert status < 500, f"{status}: {answer[:300]!r}"
        assert not self._errors.found, self._errors.found[0]
        assert b"Traceback" not in answer, "a traceback is served"
        assert b"root:" not in answer, "a file of the system is served"
        self._done += 1
        if self._done % _VERIFY_EVERY == 0:
            self._look()
        return str(status)

    def _look(self) -> None:
        """Nothing that was sent may have spoilt what is stored."""
        found = verify.differences(self._site, ADMIN)
        assert not found, found[:3]
        for path in ("/alice/Contacts/", "/bob/Contacts/"):
            status, _ = self._ask(replace(_LISTING, path=path))
            assert status == 207, path

    def _ask(self, asked: Asked) -> tuple[int, bytes]:
        body = asked.body.encode("utf-8", "surrogatepass")
        environ = {
            "REQUEST_METHOD": asked.method,
            # Bytes as Latin-1 (PEP 3333).
            "PATH_INFO": asked.path.encode("utf-8", "surrogatepass").decode("latin-1"),
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_AUTHORIZATION": LOGIN,
        }
        for name, value in asked.headers.items():
            key = name.upper().replace("-", "_")
            if key == "CONTENT_LENGTH":  # a server in front of us reads that many bytes, or refuses it
                continue
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value.encode("utf-8", "replace").decode(
                "latin-1"
            )
        said: list[str] = []
        answer = b"".join(self._application(environ, lambda status, headers: said.append(status)))
        return int(said[0][:3]), answer

    def close(self) -> None:
        """Remove what was made."""
        logging.getLogger("radicale").removeHandler(self._errors)
        self._site.close()
        self._folder.cleanup()


class Wire(_Requests):
    """Bytes to `radicale-bcm serve`: an answer below 500 or a closed connection, and it goes on serving."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(chance)
        self._spoil = Spoiler(chance, _WIRE_FRAGMENTS)
        self._folder = tempfile.TemporaryDirectory(prefix="bcm-fuzz-")
        folder = Path(self._folder.name)
        path = folder / "radicale.ini"
        path.write_text(
            f"[storage]\ntype = radicale_bcm\nfilesystem_folder = {folder}/collections\n"
            "[auth]\ntype = none\ndelay = 0\n[logging]\nlevel = error\n"
        )
        self._server = Server(path).start()
        address = urlsplit(self._server.url)
        self._address = (address.hostname or "", address.port or 0)
        self._log = folder / "server.log"
        self._read = 0

    def make(self) -> Asked:  # type: ignore[override]
        """An input: its `body` is the whole request."""
        asked = super().make()
        body = asked.body
        headers = {"Host": "127.0.0.1", "Authorization": LOGIN, "Connection": "close", **asked.headers}
        length = len(body.encode("utf-8", "surrogatepass"))
        lines = [f"{asked.method} {asked.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        text = "\r\n".join([*lines, f"Content-Length: {length}", "", body])
        return replace(asked, body=self._spoil.spoilt(text) if self.chance.random() < 0.6 else text)

    def try_it(self, asked: Asked) -> str:
        """Send it, and half a second later at the latest close the connection."""
        status = ""
        with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=0.5) as connection:
            connection.sendall(asked.body.encode("utf-8", "surrogatepass"))
            connection.shutdown(socket.SHUT_WR)
            first = connection.recv(4096)
            status = first[9:12].decode("latin-1") if first.startswith(b"HTTP/1.") else ""
        assert not status.startswith("5") or status == "501", first[:300]
        whole = self._log.read_text(errors="replace")
        log, self._read = whole[self._read :], len(whole)
        assert "Traceback" not in log or "[ERROR] Failed " in log, log[-2_000:]
        with socket.create_connection(self._address, timeout=10) as connection:
            connection.sendall(b"OPTIONS / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert connection.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.0 200"), "it does not serve any more"
        return status or "closed"

    def close(self) -> None:
        """Stop it."""
        self._server.stop()
        self._folder.cleanup()


@contextlib.contextmanager
def closed(target: object) -> Iterator[None]:
    """Let a target clean up."""
    try:
        yield
    finally:
        getattr(target, "close", lambda: None)()
