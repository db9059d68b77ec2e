"""Redact keys in messages, reprs and the logs of the libraries underneath."""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote

_CHATTY = (
    "openai", "openai._base_client", "openai._response", "openai._legacy_response", "httpx2",
    "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy", "httpcore2.socks",
)  # fmt: skip
"""A logger's filter sees its own records only, not those of its children."""
_known: set[str] = set()
_SHORTEST = 6
"""Minimum characters of a secret; replacing shorter ones would garble texts and hide nothing."""
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"(https?://[^\s?#\"']*)\?[^\s\"'>]+")


def keep_secret(*secrets: str) -> None:
    """Remember secrets, and redact them in the logs of the HTTP libraries from now on."""
    _known.update(secret for secret in secrets if len(secret) >= _SHORTEST)
    for name in _CHATTY:
        logger = logging.getLogger(name)
        if not any(isinstance(each, _Redactor) for each in logger.filters):
            logger.addFilter(_Redactor())


def secrets_of(url: SplitResult) -> set[str]:
    """Return the secrets of an address, in every form in which they are sent."""
    user, password = unquote(url.username or ""), unquote(url.password or "")
    values = {value for _, value in parse_qsl(url.query)}
    found = {url.password or "", password, *values, *(quote(value) for value in values), *map(quote_plus, values)}
    if password:  # the header of basic authentication
        found.add(b64encode(f"{user}:{password}".encode()).decode())
    return found


def without_secrets(text: str) -> str:
    """Return text with every known secret, and the user and query parts of URLs, redacted."""
    text = _QUERY.sub(r"\1?***", _USERINFO.sub("***@", text))
    for secret in _known:
        text = text.replace(secret, "***")
    return text


class _Redactor(logging.Filter):
    """Formats a record at once, without secrets, and drops its traceback, which may quote the request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_secrets(record.getMessage()), None
        record.exc_info = record.exc_text = None
        return True
