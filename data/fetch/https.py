"""One answer of an HTTPS server, encrypted to the last redirect; errors say whether another try may help."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError

from data.fetch.source import require_https

_SECONDS = 30.0  # without any byte
_AGENT = "transfer-study"  # some hosts refuse urllib's own name
# Timeout, too many requests, and what gateways say while a server is away.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_PIECE = 1 << 16


class DownloadError(ConnectionError):
    """A download that did not succeed.

    passing : whether the same request may succeed in a moment
    code : status of the answer, None where none came
    wait : seconds that the server asks to wait, 0 = it does not say
    """

    def __init__(self, reason: str, *, passing: bool, code: int | None = None, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.passing = passing
        self.code = code
        self.wait = wait


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_https(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send a GET request and return the answer (status 2xx), its body still to be read.

    Certificates are checked against those of the system, or of the file that SSL_CERT_FILE names; proxies
    are those of the environment.

    Raises
    ------
    ValueError : the address, or one that it redirects to, is not https
    DownloadError : no answer, or another status than 2xx
    """
    require_https(url)
    request = urllib.request.Request(
        url, headers={"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers}
    )
    secure = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    try:
        return urllib.request.build_opener(secure, _HttpsRedirects).open(request, timeout=_SECONDS)
    except HTTPError as error:
        error.close()
        raise DownloadError(
            f"the server answered {error.code} {error.reason}",
            passing=error.code in _PASSING,
            code=error.code,
            wait=_retry_after(error.headers),
        ) from error
    except URLError as error:
        raise _unreachable(error.reason) from error
    except (OSError, HTTPException) as error:
        raise DownloadError(f"no answer came ({_words(error)})", passing=True) from error


def read_piece(answer: HTTPResponse) -> bytes:
    """The next bytes of the body, as many as are there; empty at its end.

    Raises
    ------
    DownloadError : the connection broke
    """
    try:
        return answer.read1(_PIECE)
    except (OSError, HTTPException) as error:
        raise DownloadError(f"the connection broke ({_words(error)})", passing=True) from error


def validator(headers: Message) -> str:
    """What an If-Range header may carry so that a changed file is noticed; "" = nothing strong enough.

    A strong ETag, else a Last-Modified at least a second older than the answer (RFC 9110, 8.8.2.2, 13.1.5).
    """
    tag = headers.get("ETag", "")
    if tag:
        return "" if tag.startswith("W/") else tag
    changed, sent = headers.get("Last-Modified", ""), headers.get("Date", "")
    try:
        age = parsedate_to_datetime(sent) - parsedate_to_datetime(changed)
    except (TypeError, ValueError):
        return ""
    return changed if age >= timedelta(seconds=1) else ""


def _unreachable(reason: Any) -> DownloadError:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(
            f"its certificate is not trusted ({reason.verify_message}); where a proxy of your institution "
            "signs, let SSL_CERT_FILE name the file of its certificate authority",
            passing=False,
        )
    return DownloadError(f"it cannot be reached ({_words(reason)})", passing=False)


def _retry_after(headers: Message) -> float:
    seconds = headers.get("Retry-After", "")
    return float(seconds) if seconds.isdigit() else 0.0


def _words(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
