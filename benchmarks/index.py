"""Indexing: the codes of chunked zips into the memory-mapped store, meta-info.json, and opening a very large zip.

    python benchmarks/index.py [--samples N] [--rounds N]

The zips are made as published: 1,000 samples a chunk, three codes each, random numbers; by default a tenth of the
data set's 54,165 samples. Ours is what the stage ``index`` calls, one process. The plain reading is a loop of
``zipfile`` and ``torch.load`` into a memory-mapped array, in the same process and in turn with ours. Both stores
hold the same numbers, which is checked. What is printed is the median of the rounds; memory is that of a
process of its own that indexes once.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch

from ffhq_uv.archive import catalogue
from ffhq_uv.archive.attributes import decode_meta_info
from ffhq_uv.archive.limits import PUBLISHED
from ffhq_uv.archive.writing import encode_view_latent, normalised_attributes, write_bytes, write_meta_info, write_zip
from ffhq_uv.formats.zips import Zip, remembered_at
from ffhq_uv.geometry import VIEWS
from ffhq_uv.stages.index import read
from ffhq_uv.store import files
from ffhq_uv.store.codes import stored, whole

SHAPE = (3, 18, 512)


def publish(root: Path, samples: int, seed: int = 0) -> None:
    """Chunk zips of face-latents, and their meta-info.json."""
    folder, attributes = root / "dataset/ffhq-uv", normalised_attributes(1, 0.0, 30)

    def chunk(start: int) -> Iterator[tuple[str, bytes]]:
        for number in range(start, min(start + 1000, samples)):
            codes = np.random.default_rng((seed, number)).normal(size=SHAPE).astype(np.float32)
            for view, code, attribute in zip(VIEWS, codes, attributes, strict=True):
                name = f"{number:06d}/{number:06d}_{view}_latent.pt"
                yield name, encode_view_latent(code, attribute)

    for start in range(0, samples, 1000):
        write_zip(folder / f"face-latents/{start // 1000:03d}.zip", chunk(start))
    write_meta_info(folder / "meta-info.json", records(samples))


def records(count: int) -> dict[str, dict[str, object]]:
    return {
        f"{number:06d}": {
            "Age": 30.0 + number % 40,
            "Beard": 0.25,
            "Gender": number % 2,
            "Index-in-FFHQ": number % 70_000,
        }
        for number in range(count)
    }


def plain(root: Path, samples: int, out: Path) -> None:
    store = np.lib.format.open_memmap(out, mode="w+", dtype=np.float32, shape=(samples, *SHAPE))
    for path in sorted((root / "dataset/ffhq-uv/face-latents").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                base = name.rpartition("/")[2]
                content = torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True)
                store[int(base[:6]), VIEWS.index(base[7:].removesuffix("_latent.pt"))] = content["latent"][0].numpy()


def ours(root: Path, out: Path) -> None:
    files.ARCHIVES = root
    read(catalogue(root).samples, out, 3, PUBLISHED)


def peak(root: Path, out: Path) -> int:
    """Peak memory, MiB, of a fresh process that indexes once."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (root, out))


def _measured(root: Path, out: Path) -> int:
    ours(root, out)
    # Not getrusage: Linux hands a parent's peak on to its children.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def large_zip(path: Path, members: int) -> None:
    """A zip64 of very many empty members with names as published, written quickly."""
    zeros, directory = zlib.crc32(b""), io.BytesIO()
    with path.open("wb") as file:
        for number in range(members):
            name = f"{number:06d}/{number:06d}_front_latent.pt".encode()
            directory.write(
                struct.pack(
                    "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 33, zeros, 0, 0, len(name), 0, 0, 0, 0, 0, file.tell()
                )
            )
            directory.write(name)
            file.write(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, zeros, 0, 0, len(name), 0) + name)
        start, size = file.tell(), directory.tell()
        file.write(directory.getvalue())
        end = file.tell()
        file.write(struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, members, members, size, start))
        file.write(struct.pack("<4sIQI", b"PK\6\7", 0, end, 1))
        file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))


def seconds(call: object, *arguments: object) -> float:
    os.sync()  # neither way is to wait for what the other left to be written
    begun = time.perf_counter()
    call(*arguments)  # type: ignore[operator]
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5_416)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        publish(root, options.samples)
        times: dict[str, list[float]] = {"plain": [], "ours": []}
        for _ in range(options.rounds):
            times["plain"].append(seconds(plain, root, options.samples, root / "plain.npy"))
            times["ours"].append(seconds(ours, root, root / "ours.npy"))
        assert np.array_equal(np.load(root / "plain.npy", mmap_mode="r"), whole(stored(root / "ours.npy")))
        ratio = median(one / other for one, other in zip(times["plain"], times["ours"], strict=True))
        memory = peak(root, root / "again.npy")
        (root / "ours.npy").unlink()
        (root / "plain.npy").unlink()

        write_meta_info(root / "meta-info.json", records(100_000))
        content = (root / "meta-info.json").read_bytes()
        write_bytes(root / "many/dataset/ffhq-uv/meta-info.json", content)
        decoding = min(seconds(decode_meta_info, content, "meta-info.json") for _ in range(options.rounds))
        indexing = min(seconds(catalogue, root / "many") for _ in range(options.rounds))

        large_zip(root / "large.zip", options.members)
        standard = seconds(zipfile.ZipFile, root / "large.zip")
        first = seconds(Zip, root / "large.zip")
        with Zip(root / "large.zip") as archive:
            remembered_at(root / "large.zip").write_bytes(archive.remembering() or b"")
        again = min(seconds(Zip, root / "large.zip") for _ in range(options.rounds))

    samples = f"{options.samples:,} samples, three codes each"
    print("| what | plain | ours | ratio |\n|---|---|---|---|")
    print(f"| {samples} | {median(times['plain']):.2f} s | {median(times['ours']):.2f} s | {ratio:.1f} |")
    print(f"| memory of indexing them, peak | | {memory} MiB | |")
    print(f"| meta-info.json of 100,000: read and checked | | {decoding:.2f} s | |")
    print(f"| the same, to the finished table | | {indexing:.2f} s | |")
    opened = f"a zip of {options.members:,} members"
    print(f"| opening {opened} (zipfile; ours) | {standard:.2f} s | {first:.2f} s | {standard / first:.1f} |")
    print(f"| opening it again, its directory remembered | {standard:.2f} s | {again:.2f} s | {standard / again:.0f} |")


if __name__ == "__main__":
    main()
