"""Fuzzing every reader of files from outside: real ones, damaged in every way, must be read or refused.

    python -m tests.archive.fuzzing [--inputs N] [--seed S] [--example FOLDER]

Each input is a real file (what the studio publishes, and the published sample in FOLDER, by default $FFHQ_UV_EXAMPLE)
with one to eight mutations: bits flipped, bytes, lengths and counts replaced by telling values, pieces cut, doubled,
moved between files, the end lost, and inside zips and PNGs the checksums mended so that the damage is not noticed at
the door. It fails on any exception but the project's own, on a file opened outside of the folder it works in, and
where the process's memory passes a GiB; an input that failed is written down, and --seed repeats it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ffhq_uv.archive import ArchiveError, Archives, scan
from ffhq_uv.archive.attributes import decode_attributes, decode_meta_info
from ffhq_uv.archive.latents import LatentReader, decode_latent, decode_view_attribute
from ffhq_uv.archive.lights import decode_light
from ffhq_uv.archive.ms_api import decode_ms_api
from ffhq_uv.archive.writing import (
    encode_attributes,
    encode_latent,
    encode_light,
    encode_ms_api,
    encode_png,
    encode_view_latent,
    write_meta_info,
    write_zip,
)
from ffhq_uv.download import DownloadError, look
from ffhq_uv.formats.png import PngError, read_png
from ffhq_uv.formats.unpickle import UnpickleError, read_torch

MEMORY = 1 << 30
"""Most memory by which the process may grow, bytes."""
OURS = (ArchiveError, UnpickleError, PngError, DownloadError)
"""What a reader may raise."""


@dataclass(frozen=True)
class Reader:
    """A reader, its share of the inputs, and the files that it is fed with."""

    share: float
    read: Callable[[bytes], object]
    seeds: list[bytes]


def zip_of(folder: Path, *members: tuple[str, bytes], deflated: bool = False) -> bytes:
    import zipfile

    path = folder / "made.zip"
    if not deflated:
        write_zip(path, members)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, content)
    return path.read_bytes()


def readers(folder: Path, example: Path | None) -> dict[str, Reader]:
    """Every reader with its seeds: made as the studio makes them, and from the published sample."""
    rng = np.random.default_rng(0)
    code, light = rng.normal(size=(18, 512)).astype("f4"), rng.normal(size=9).astype("f4")
    picture = rng.integers(0, 255, (32, 32, 3), np.uint8)
    record = {"Age": 23.0, "Beard": 0.25, "Expression": 0.5, "Gender": 1}
    api = {"face_id": "x", "face_attributes": {"age": 23.0, "gender": "male", "accessories": [], "hair": {"bald": 0.1}}}
    write_meta_info(folder / "meta-info.json", {f"{id:06d}": record | {"Index-in-FFHQ": id} for id in range(40)})
    codes = [encode_latent(code), encode_view_latent(code, np.zeros(17, "f4"))]
    others: list[bytes] = []
    lights, attributes, records, pictures = (
        [encode_light(light)],
        [encode_attributes(record)],
        [encode_ms_api(api)],
        [encode_png(picture), encode_png(rng.integers(0, 2, (64, 48, 3), np.uint8) * 255)],
    )
    if example:
        project = example / "dataset_project"
        codes += [path.read_bytes() for path in sorted(project.rglob("01223*latent*.pt"))[:2]]
        codes += [(project / "latents/01223.pt").read_bytes()]
        others += [path.read_bytes() for path in sorted(project.rglob("01223_final_*.pt"))]
        lights += [(project / "lights/01223.npy").read_bytes()]
        attributes += [(project / "attributes/01223.json").read_bytes()]
        records += [(project / "attributes_ms_api/01223.pkl").read_bytes()]
        with Image.open(next(project.rglob("01223_final_uv.png"))) as uv_map:
            pictures += [encode_png(np.array(uv_map)[400:464, 400:464])]
    small = [("000001.png", pictures[0]), ("000001.json", attributes[0]), ("x/000002.npy", lights[0])]
    zips = [zip_of(folder, *small), zip_of(folder, *small, deflated=True), zip_of(folder, ("000001.pt", codes[0]))]
    lists = [
        b'[{"path": "dataset/x", "bytes": 3, "sha256": "%s"}, {"url": "http://h/dataset/y"}]' % (b"a" * 64),
        b"path,bytes,sha256\ndataset/x,3,\n",
        b"a" * 64 + b"  dataset/x\ndataset/y 3\n# z\n",
    ]
    place = folder / "root"
    place.mkdir()

    def read_zip(data: bytes) -> None:
        (place / "000.zip").write_bytes(data)
        with Archives(place) as archives:
            reader = LatentReader(archives)
            for member in scan(place):
                try:
                    reader.read(member.location) if member.location.endswith(".pt") else archives.read(member.location)
                except ArchiveError:
                    continue

    learned = folder / "learned"
    learned.mkdir()
    write_zip(learned / "good.zip", [(f"{at:06d}.pt", content) for at, content in enumerate(codes)])

    def read_directly(data: bytes) -> None:
        """As the second file of its form: with checksums that tell nothing, since the attacker wrote them."""
        write_zip(learned / "bad.zip", [("000009.pt", data)])
        with Archives(learned) as archives:
            reader = LatentReader(archives)
            for at in range(len(codes)):
                reader.read(f"good.zip!{at:06d}.pt")
            found = reader.read("bad.zip!000009.pt")
            assert found.tobytes() == decode_latent(data, "x").tobytes()

    def read_list(data: bytes) -> None:
        for name in ("x.json", "x.csv", "x.txt"):
            (place / name).write_bytes(data)
            try:
                found = look(str(place / name), ["dataset"]).offers
            except DownloadError:
                continue
            for offer in found:
                assert (place / offer.path).resolve().is_relative_to(place.resolve())

    return {
        "latent": Reader(20, lambda data: (decode_latent(data, "x"), decode_view_attribute(data, "x")), codes),
        "latent, of a known form": Reader(6, read_directly, codes),
        "step 4 .pt": Reader(14, lambda data: read_torch(data, "x"), others or codes),
        "light": Reader(10, lambda data: decode_light(data, "x"), lights),
        "attributes": Reader(10, lambda data: decode_attributes(data, "x"), attributes),
        "meta-info": Reader(6, lambda data: decode_meta_info(data, "x"), [(folder / "meta-info.json").read_bytes()]),
        "Face API record": Reader(14, lambda data: decode_ms_api(data, "x"), records),
        "PNG": Reader(10, lambda data: read_png(data, "x"), pictures),
        "zip": Reader(6, read_zip, zips),
        "list of files": Reader(4, read_list, lists),
    }


TELLING = [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
TEXTS = [
    b"null",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-1",
    b"{",
    b"[",
    b'"',
    b"../",
    b"\0",
    b"\\u0000",
    b"9" * 5000,
    b"PK\3\4",
]


def mutate(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """A real file after one to eight mutations."""
    content = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 3, 8])):
        if not content:
            break
        at = draw.randrange(len(content))
        length = draw.choice([1, 2, 4, 16, 64, 1000])
        match draw.randrange(9):
            case 0:
                content[at] ^= 1 << draw.randrange(8)
            case 1:
                content[at] = draw.randrange(256)
            case 2:
                layout = draw.choice(["<H", ">H", "<I", ">I", "<Q"])
                value = draw.choice(TELLING) & (0xFFFF if layout[1] == "H" else 0xFFFFFFFFFFFFFFFF)
                content[at : at + struct.calcsize(layout)] = struct.pack(layout, value)
            case 3:
                del content[at : at + length]
            case 4:
                content[at:at] = content[at : at + length] * draw.choice([1, 2, 50])
            case 5:
                place = draw.randrange(len(other))
                content[at : at + length] = other[place : place + length]
            case 6:
                del content[at:]
            case 7:
                content[at : at + draw.choice([0, 1, 4])] = draw.choice(TEXTS)
            case 8:
                content += draw.randbytes(length)
    return bytes(mended(content) if draw.random() < 0.5 else content)


def mended(content: bytearray) -> bytearray:
    """The checksums of PNG chunks and of a zip's unpacked members made right, as an attacker would."""
    if content[:4] == b"\x89PNG":
        at = 8
        while at + 12 <= len(content):
            (length,) = struct.unpack_from(">I", content, at)
            if at + 12 + length > len(content):
                break
            if content[at + 4 : at + 8] == b"IDAT" and length > 6:
                unpacking = zlib.decompressobj(-15)
                with contextlib.suppress(zlib.error):
                    pixels = unpacking.decompress(content[at + 10 : at + 4 + length], 1 << 20)
                    struct.pack_into(">I", content, at + 4 + length, zlib.adler32(pixels))
            struct.pack_into(">I", content, at + 8 + length, zlib.crc32(content[at + 4 : at + 8 + length]))
            at += 12 + length
    if content[:2] == b"PK":
        at = content.find(b"PK\1\2")
        while 0 <= at <= len(content) - 46:
            (packed,) = struct.unpack_from("<I", content, at + 20)
            (offset,) = struct.unpack_from("<I", content, at + 42)
            if offset + 30 <= len(content):
                start = offset + 30 + sum(struct.unpack_from("<2H", content, offset + 26))
                crc = zlib.crc32(content[start : start + packed])
                struct.pack_into("<I", content, at + 16, crc)
                struct.pack_into("<I", content, offset + 14, crc)
            at = content.find(b"PK\1\2", at + 4)
    return content


def fuzz(inputs: int, seed: int, example: Path | None, folder: Path) -> dict[str, Counter[str]]:
    """Feed every reader its share of ``inputs``; how many each read and refused. Raises AssertionError for a
    failure."""
    found: dict[str, Counter[str]] = {}
    table = readers(folder, example)
    every = [content for reader in table.values() for content in reader.seeds]
    allowed, watching = str(folder.resolve()), [True]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect") and watching[0]:
            raise AssertionError(f"{event} {arguments}")
        if event == "open" and watching[0] and isinstance(arguments[0], str | bytes):
            path = os.fsdecode(arguments[0])
            ours = os.path.realpath(path).startswith(
                (allowed, sys.prefix, sys.base_prefix, str(Path(__file__).parents[2]))
            )
            assert ours, f"{path} was opened"

    sys.addaudithook(watch)
    total = sum(reader.share for reader in table.values())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # tests share a process with others
    try:
        for name, reader in table.items():
            counts = found[name] = Counter()
            for number in range(max(round(inputs * reader.share / total), 1)):
                draw = random.Random(f"{seed} {name} {number}")
                content = mutate(draw.choice(reader.seeds), draw.choice(every), draw)
                try:
                    reader.read(content)
                    counts["read"] += 1
                except OURS:
                    counts["refused"] += 1
                except BaseException as error:
                    watching[0] = False
                    path = Path(tempfile.gettempdir()) / f"fuzz-{seed}-{name.split()[0]}-{number}"
                    path.write_bytes(content)
                    traceback.print_exc()
                    raise AssertionError(f"{name}: {type(error).__name__}: {error}; the input is {path}") from error
            assert counts["read"], f"{name}: no input was read; the mutations are too coarse to test anything"
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
            assert grown < MEMORY, f"{name}: {grown >> 20} MiB of memory"
    finally:
        watching[0] = False
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--example", type=Path, default=os.environ.get("FFHQ_UV_EXAMPLE"))
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(options.inputs, options.seed, options.example, Path(folder))
    print("| reader | inputs | read | refused |\n|---|---|---|---|")
    for name, counts in found.items():
        print(f"| {name} | {counts.total():,} | {counts['read']:,} | {counts['refused']:,} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    total = sum(counts.total() for counts in found.values())
    print(f"\n{total:,} inputs in {time.monotonic() - begun:.0f} s, seed {options.seed}; memory at most {peak} MiB")


if __name__ == "__main__":
    main()
