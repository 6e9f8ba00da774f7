"""What a file is that is not what its name says: the ways in which downloads and copies go wrong."""

from __future__ import annotations

_KINDS = (
    (b"PK\x03\x04", "a zip"),
    (b"\x89PNG", "a PNG"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"RIFF", "a WebP or another RIFF file"),
    (b"GIF8", "a GIF"),
    (b"Rar!", "a RAR archive: unpack it (unrar x)"),
    (b"7z\xbc\xaf", "a 7-Zip archive: unpack it (7z x)"),
    (b"\x1f\x8b", "packed by gzip: unpack it (gunzip, or tar xf)"),
    (b"\xfd7zXZ", "packed by xz: unpack it (unxz, or tar xf)"),
    (b"(\xb5/\xfd", "packed by zstd: unpack it (unzstd, or tar xf)"),
    (b"BZh", "packed by bzip2: unpack it (bunzip2, or tar xf)"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"\x89HDF", "an HDF5 file"),
)


def failed(head: bytes) -> str | None:
    """What the first bytes of a file (some hundred) say went wrong on its way here, and what to do; None: nothing."""
    if not head:
        return "an empty file: fetch it again"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself: git lfs pull"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<script", b"<!--")):
        return "a web page, not the file: the download failed, or asked for a login; fetch it again"
    if len(head) >= 16 and not head.strip(b"\0"):
        return "nothing but zeros: the download did not get here; fetch it again"
    return None


def looks_like(head: bytes) -> str | None:
    """What the first bytes of a file say that it is, as `failed`, or as another format; None where they say nothing."""
    return failed(head) or next((kind for signature, kind in _KINDS if head.startswith(signature)), None)
