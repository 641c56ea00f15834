"""A real HTTPS server on this machine whose files, headers and faults a test sets."""

from __future__ import annotations

import ssl
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "data" / "fetch" / "localhost.pem"


@dataclass
class Served:
    """One path of the server.

    etag, modified : headers, left out where empty
    ranges, if_range : whether parts are given, and If-Range is looked at
    shift : bytes that a part begins too late
    hold_after : bytes of the body after which nothing comes until the server ends; once
    cut_after : bytes of the body after which the connection is closed, one for each request; then no more
    statuses : status codes of the first requests, before the file is given
    location : redirect (302) to this address
    length : whether Content-Length is sent
    """

    content: bytes = b""
    etag: str = ""
    modified: str = ""
    kind: str = "application/octet-stream"
    ranges: bool = True
    if_range: bool = True
    shift: int = 0
    hold_after: int = 0
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    location: str = ""
    length: bool = True
    extra: dict[str, str] = field(default_factory=dict)


class HttpsServer:
    """Files by path, and the requests that came."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[dict[str, str]] = []
        self.port = 0
        self.ended = threading.Event()

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def serve(self, path: str, content: bytes = b"", **facts) -> str:
        self.files[path] = Served(content=content, **facts)
        return self.url(path)


@contextmanager
def running_server():
    """Serve until the body of the `with` ends."""
    state = HttpsServer()
    handler = type("Handler", (_Handler,), {"state": state})
    server = _Server(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address) -> None:
        # A client that goes away is what many tests are about; all else is a fault of this file.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    state: HttpsServer

    def do_GET(self) -> None:
        self.state.requests.append(dict(self.headers.items()))
        served = self.state.files.get(self.path)
        if served is None:
            return self.send_error(404)
        if served.statuses:
            self.send_response(served.statuses.pop(0))
            for name, value in served.extra.items():
                self.send_header(name, value)
            return self.end_headers()
        if served.location:
            self.send_response(302)
            self.send_header("Location", served.location)
            return self.end_headers()
        return self._send(served)

    def _send(self, served: Served) -> None:
        start = self._start(served)
        if start >= len(served.content) > 0:
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            last = len(served.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(served.content)}")
        body = served.content[start:]
        self.send_header("Content-Type", served.kind)
        if served.length:
            self.send_header("Content-Length", str(len(body)))
        for name, value in (("ETag", served.etag), ("Last-Modified", served.modified)):
            if value:
                self.send_header(name, value)
        for name, value in served.extra.items():
            self.send_header(name, value)
        self.end_headers()
        if served.hold_after:
            held, served.hold_after = served.hold_after, 0
            self.wfile.write(body[:held])
            self.state.ended.wait()
            return None
        cut = served.cut_after.pop(0) if served.cut_after else len(body)
        self.wfile.write(body[:cut])
        return None

    def _start(self, served: Served) -> int:
        asked = self.headers.get("Range", "")
        wanted = self.headers.get("If-Range")
        same = wanted in (None, served.etag or served.modified) or not served.if_range
        if not asked or not served.ranges or not same:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-")) + served.shift

    def log_message(self, *args) -> None:
        return None
