# SPDX-License-Identifier: GPL-3.0-or-later
"""The phones' requests over the real application, as a WSGI server would hand them over. Imported by the histories.

In some histories phones ask, write, delete and move over it; in the others, and while something crashes, they call what
is beneath it, which is quicker.
"""

import base64
import io
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from radicale_bcm.server.application import BcmApplication
from radicale_bcm.server.config import load
from radicale_bcm.server.storage import Storage
from radicale_bcm.sync.unit import Site

DAV = "{DAV:}"
DONE = (200, 201, 204)
# What a phone may be told without anything being wrong: not allowed, not there, in use, changed meanwhile.
REFUSED = (403, 404, 409, 412)


class Wire:
    """Our application in this process, over whatever site there is now."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory()
        path = Path(self._home.name) / "radicale.ini"
        path.write_text(
            "[auth]\ntype=none\n[rights]\ntype=owner_only\n[logging]\nlevel=critical\n"
            f"[storage]\ntype=radicale_bcm\nfilesystem_folder={self._home.name}/collections\n"
        )
        self._application = BcmApplication(load(str(path)))
        storage = self._application._storage
        assert isinstance(storage, Storage)
        storage.site.close()
        self._storage = storage

    def close(self) -> None:
        """No more requests."""
        self._home.cleanup()

    def request(
        self, site: Site, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request of the person who owns the path: status, headers, content. AssertionError for what no client
        should ever get."""
        if self._storage.site is not site:
            # Another process: it knows nothing.
            self._storage.site = site
            self._storage.remembered.clear()
            self._storage.forget_principals()
        raw = body.encode()
        name = path.strip("/").partition("/")[0]
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_USER_AGENT": "test",
            "HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{name}:{name}".encode()).decode(),
            "wsgi.input": io.BytesIO(raw),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "CONTENT_LENGTH": str(len(raw)),
            **headers,
        }
        answer: list[Any] = []
        content = b"".join(self._application(environ, lambda status, head: answer.append((status, head))))
        line, head = answer[0]
        status = int(line.split()[0])
        assert status in (*DONE, 207, *REFUSED), (method, path, status, content)
        return status, dict(head), content

    def put(self, site: Site, path: str, href: str, text: str, etag: str = "") -> int:
        """Write a card; with an ETag, if it is still that one."""
        match = {"HTTP_IF_MATCH": etag} if etag else {}
        return self.request(site, "PUT", f"/{path}/{href}", text, CONTENT_TYPE="text/vcard", **match)[0]

    def delete(self, site: Site, path: str, href: str, etag: str = "") -> int:
        """Delete a card; with an ETag, if it is still that one."""
        match = {"HTTP_IF_MATCH": etag} if etag else {}
        return self.request(site, "DELETE", f"/{path}/{href}", **match)[0]

    def move(self, site: Site, path: str, href: str, target: str, to: str) -> int:
        """Move a card, if nothing is there."""
        where = f"http://127.0.0.1/{quote(f'{target}/{to}')}"
        return self.request(site, "MOVE", f"/{path}/{href}", HTTP_DESTINATION=where, HTTP_OVERWRITE="F")[0]

    def sync(self, site: Site, path: str, token: str) -> tuple[dict[str, str], set[str], str] | None:
        """What an ordinary delta sync says: href to ETag of what changed, what is gone, the next token. None if the
        token is strange."""
        body = (
            '<sync-collection xmlns="DAV:"><sync-token>'
            f"{token}</sync-token><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
        )
        status, _, content = self.request(site, "REPORT", f"/{path}/", body)
        if status == 403:
            assert b"valid-sync-token" in content, content
            return None
        assert status == 207, (path, status, content)
        root = ET.fromstring(content)
        changed: dict[str, str] = {}
        removed: set[str] = set()
        for response in root.iter(f"{DAV}response"):
            href = unquote((response.findtext(f"{DAV}href") or "").rpartition("/")[2])
            assert href not in changed.keys() | removed, ("told twice", href)
            if "404" in (response.findtext(f"{DAV}status") or ""):
                removed.add(href)
            else:
                changed[href] = next(response.iter(f"{DAV}getetag")).text or ""
        return changed, removed, root.findtext(f"{DAV}sync-token") or ""
