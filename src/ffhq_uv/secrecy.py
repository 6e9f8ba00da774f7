"""Credentials in URLs: refused where they would be written down, cut from what is written or printed."""

from __future__ import annotations

import re

WHERE = (
    "credentials in a URL would be written to params.yaml, dvc.lock and logs. Take them out, and put them where fsspec "
    "looks: environment variables (AWS_ACCESS_KEY_ID, WEBDAV_PASSWORD, ...), ~/.aws or ~/.netrc"
)

_USER = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s/@'\"]*)@", re.I)
_QUERY = re.compile(r"(?P<path>\b[a-z][a-z0-9+.-]*://[^\s?'\"]*)\?[^\s'\")\]}>;]+", re.I)
_SIGNED = re.compile(r"[?&](x-amz-|x-goog-|sig=|sign|token|access|api_?key|key=|password|pwd|secret|auth)", re.I)


def holds_secret(url: str) -> bool:
    """Whether a URL carries a password, or a query that signs it."""
    user = _USER.search(url)
    return (user is not None and ":" in user["user"]) or ("://" in url and _SIGNED.search(url) is not None)


def without_secrets(text: str) -> str:
    """A text whose URLs have neither users nor queries."""
    return _QUERY.sub(r"\g<path>?…", _USER.sub(r"\g<scheme>…@", text))
