"""The page to look at the data sets: what a browser must fetch and how fast it works, and what a map costs to show.

    python -m benchmarks.page [--rows 100 100000] [--maps N]

Rows are simulated; maps are plain colours for the browser, and noisy pictures of 1024 x 1024 for the cost of a map.
The browser is the machine's Chromium, headless, without a GPU: everything is drawn by the processor. Times in the
browser are by the page's own clock, milliseconds, the best of several (of frames the median); the cost of a map is
processor time of one thread, beside a plain reading of the same files (Pillow) in the same run.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tests.page.browser import browser
from tests.page.simulated import data_set, measurements, write_page

from ffhq_uv.archive.writing import encode_png
from ffhq_uv.formats.png import read_png
from ffhq_uv.page.script import webp
from ffhq_uv.page.wall import PER_ATLAS, QUALITY, TILE, atlas, tile

ROUNDS = 15

FRAME = """
new Promise(done => {
  const wall = find('wall'), times = [];
  let last;
  wall.scrollTop = 0;
  const step = now => {
    if (last) times.push(now - last);
    last = now;
    wall.scrollTop += 600;
    if (times.length < 60) requestAnimationFrame(step); else done(times.sort((a, b) => a - b)[30]);
  };
  requestAnimationFrame(step);
})"""
"""Milliseconds of a frame while the wall is scrolled by 600 pixels a frame: the median of sixty."""

BEST = """
(() => {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    state.bounds.bs_error.value = onStep(page.criteria[0], 'bs_error', 2 + round * 0.05);
    const began = performance.now();
    WHAT;
    best = Math.min(best, performance.now() - began);
  }
  return best;
})()"""


def in_browser(rows: int, folder: Path) -> dict[str, float]:
    """What the page of so many rows costs."""
    index = write_page(folder, [data_set(measurements(rows))], atlases=50)
    names = ["index.html", "page.css", "sample.css", "data/page.js", "source/table.js", "source/atlas/00000.webp"]
    names += [path.name for path in folder.glob("*.js")]
    found = {"before the first picture, kB": sum((folder / name).stat().st_size for name in names) / 1e3}
    with browser() as chromium:
        chromium.look_like(1400, 900)
        chromium.open(index)
        found["ready from file, ms"] = chromium.run("performance.now()")
        threshold = BEST.replace("ROUNDS", str(ROUNDS)).replace("WHAT", "judgeAll()")
        found["a threshold moves, ms"] = chromium.run(threshold)
        found["a frame of scrolling in order, ms"] = chromium.run(FRAME)
        chromium.run("state.sort = 'bs_error'; judgeAll()")
        found["a frame of scrolling sorted, ms"] = chromium.run(FRAME)
        found["renderer, MB"] = renderer()
        for _ in range(2):
            chromium.open(index)
            found["ready from file, ms"] = min(found["ready from file, ms"], chromium.run("performance.now()"))
        assert chromium.errors == [], chromium.errors
    return found


def renderer() -> float:
    """Resident memory of the largest renderer process on this machine, MB."""
    sizes = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_text()
            if "--type=renderer" in command:
                sizes += [int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS")]
        except OSError:
            continue
    return max(sizes, default=0) / 1e3


def of_maps(count: int) -> dict[str, float]:
    """Milliseconds of one thread a map of 1024 x 1024: from PNG to its place in an atlas."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    smooth = cv2.resize(
        rng.integers(60, 200, (40, 40, 3)).astype(np.uint8), (1024, 1024), interpolation=cv2.INTER_CUBIC
    )
    skin = np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)
    files = [encode_png(skin)] * count
    times: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(3):
        began = time.process_time()
        for data in files:
            image = Image.open(io.BytesIO(data)).convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)
            image.save(io.BytesIO(), "WEBP", quality=QUALITY)
        times["plain"].append(time.process_time() - began)
        began = time.process_time()
        for start in range(0, count, PER_ATLAS):
            webp(atlas([tile(read_png(data, "map")) for data in files[start : start + PER_ATLAS]]), QUALITY)
        times["ours"].append(time.process_time() - began)
    plain, ours = (1000 * min(times[name]) / count for name in ("plain", "ours"))
    return {"a map, ms": ours, "a map plainly, ms": plain, "ratio": plain / ours, "PNG, kB": len(files[0]) / 1e3}


def show(figures: dict[str, float]) -> None:
    """Print figures, one a line."""
    print("\n".join(f"{value:12,.1f}  {name}" for name, value in figures.items()), end="\n\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[100, 100_000])
    parser.add_argument("--maps", type=int, default=50)
    options = parser.parse_args()
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            show({"rows": rows} | in_browser(rows, Path(folder)))
    show(of_maps(options.maps))


if __name__ == "__main__":
    main()
