"""The published layout of FFHQ-UV: safe reading (zip, folder, .pt, .npy, .json, .pkl, .png) and writing."""

from ffhq_uv.archive.catalogue import Catalogue, catalogue, read_latents, read_uv_map
from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.archive.limits import Limits
from ffhq_uv.archive.manifest import Entry, Manifest, manifest
from ffhq_uv.archive.scanning import Member, scan

__all__ = [
    "ArchiveError",
    "Archives",
    "Catalogue",
    "Entry",
    "Limits",
    "Manifest",
    "Member",
    "catalogue",
    "manifest",
    "read_latents",
    "read_uv_map",
    "scan",
]
