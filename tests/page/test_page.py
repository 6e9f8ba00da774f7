"""The page in a real browser, from a file: what it says, what it does, and that it asks nobody for anything."""

from __future__ import annotations

import io
import json
import math
import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.page.browser import Browser
from tests.page.conftest import ROWS
from tests.page.simulated import BOUNDS, data_set, measurements, write_page
from tests.small_run import inside

from ffhq_uv.__main__ import main
from ffhq_uv.selection.filter import Criterion, hold
from ffhq_uv.store import files

KEPT = "[...now.status.keys()].filter(row => now.status[row] === KEPT)"
LEFT, RIGHT, DOWN, ESCAPE = ("ArrowLeft", 37), ("ArrowRight", 39), ("ArrowDown", 40), ("Escape", 27)
AUDIT = Path(__file__).with_name("audit.js")


def go_to(browser: Browser, state: str) -> None:
    """Change the state in the address, as a link does, and wait for the next picture."""
    browser.run(
        "new Promise(done => { const before = location.hash, next = () => requestAnimationFrame(() => done());"
        " addEventListener('hashchange', next, {once: true});"
        f" location.hash = {json.dumps(state)}; if (location.hash === before) next(); }})"
    )


def click(browser: Browser, selector: str) -> None:
    """Click, and wait until it shows."""
    drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    browser.run(f"document.querySelector({json.dumps(selector)}).click(); {drawn}")


def text(browser: Browser, selector: str) -> str:
    return browser.run(f"document.querySelector({json.dumps(selector)}).innerText")


def kept_by(table: pl.DataFrame, bounds: tuple[Criterion, ...]) -> list[int]:
    return hold(table, bounds).with_row_index("row").filter(pl.col("status") == "kept")["row"].to_list()


def test_it_shows_what_the_program_kept(opened: Browser) -> None:
    kept = kept_by(measurements(ROWS), BOUNDS)
    assert opened.run(KEPT) == kept
    dropped = ROWS - len(kept)
    assert text(opened, "#counts") == f"{len(kept)} kept {dropped} dropped (2 failed) of {ROWS}"
    tabs = opened.run("[...document.querySelectorAll('#show button')].map(tab => tab.innerText.trim())")
    assert [tab.split() for tab in tabs[:3]] == [
        ["all", f"{ROWS}"],
        ["kept", f"{len(kept)}"],
        ["dropped", f"{dropped}"],
    ]
    assert text(opened, "#command") == "dvc exp run"


@pytest.mark.slow
def test_every_bound_judges_every_sample_as_the_program_does(opened: Browser) -> None:
    table, random = measurements(ROWS), Random(0)
    cases = []
    for _ in range(150):
        luma = random.random() < 0.3
        values = {
            "bs_error_of_luma" if luma else "bs_error": round(random.uniform(0.5, 7), random.choice([0, 1, 2, 3])),
            "valid_area_ratio": round(random.uniform(0.7, 1), random.choice([1, 2, 3, 4])),
            "expression": random.choice([0, 0.1, round(random.uniform(0, 0.3), 3)]),
        }
        sides = {"valid_area_ratio": "min"}
        on = [name for name in values if random.random() < 0.8]
        bounds = tuple(Criterion(name, name, sides.get(name, "max"), values[name]) for name in on)
        words = [
            f"{name.removesuffix('_of_luma')}={value if name in on else 'off'}@{name}" for name, value in values.items()
        ]
        cases.append(("&".join(words), kept_by(table, bounds)))
    judged = "judge(data, page.criteria, readState(hash).bounds)"
    found = opened.run(
        f"{json.dumps([hash for hash, _ in cases])}.map(hash => [...statuses(data, {judged}).entries()]"
        ".filter(([, status]) => status === KEPT).map(([row]) => row))"
    )
    for (hash, kept), rows in zip(cases, found, strict=True):
        assert rows == kept, hash


@pytest.mark.slow
@pytest.mark.parametrize(
    "state",
    [
        "bs_error=2.5",
        "bs_error=2.417@bs_error_of_luma&expression=off",
        "valid_area_ratio=0.9512&expression=0.003",
        "bs_error=off&valid_area_ratio=off",
    ],
)
def test_the_command_makes_the_program_keep_the_same_samples(opened: Browser, tmp_path: Path, state: str) -> None:
    table = measurements(ROWS)
    go_to(opened, state)
    command = shlex.split(text(opened, "#command"))
    assert command[:3] == ["dvc", "exp", "run"]
    overrides = [word for word in command[3:] if word != "-S"]
    run = ["filter.bs_error.max=3.123456789", "filter.valid_area_ratio.min=0.9", "expression.neutral_max=0.1"]
    moved = {word.split("=")[0] for word in overrides}
    with inside(tmp_path):
        nobody = pl.lit(None, pl.String)
        files.write_table(files.SAMPLES, table.select("id", nobody.alias("uv_map")))
        files.write_table(files.MEASUREMENTS, table.with_columns(pl.lit([0.0]).alias("identity")))
        files.write_table(files.TRUTH, pl.DataFrame(schema={"id": pl.String}))
        files.ARCHIVES.mkdir(parents=True)
        assert main(["filter", *(word for word in run if word.split("=")[0] not in moved), *overrides]) == 0
        kept = pl.read_parquet(files.KEPT)["id"].to_list()
    assert [f"{row:06d}" for row in opened.run(KEPT)] == kept


def test_bounds_before_and_after_are_compared(opened: Browser) -> None:
    table = measurements(ROWS)
    even = (Criterion("bs_error", "bs_error", "max", 2.0), *BOUNDS[1:])
    seen = (BOUNDS[0], Criterion("valid_area_ratio", "valid_area_ratio", "min", 0.97))
    before, after = set(kept_by(table, even)), set(kept_by(table, seen))
    go_to(opened, "before.bs_error=2&valid_area_ratio=0.97&expression=off&show=changed")
    assert opened.run("[...rowsShown]") == sorted(before ^ after)
    back, gone = len(after - before), len(before - after)
    assert min(back, gone) > 1
    assert text(opened, "#effect") == f"Against the pinned bounds: {back} come back, {gone} go."
    click(opened, "#pin")
    assert opened.run("now.gained + now.lost") == 0
    click(opened, "#reset")
    assert opened.run(KEPT) == kept_by(table, BOUNDS)


def test_the_address_holds_the_whole_state(opened: Browser) -> None:
    state = "show=dropped&sort=-bs_error&size=84&theme=dark&id=000007&gender=male&age=20-60"
    state += "&bs_error=4.25@bs_error_of_luma&before.bs_error=off"
    state += "&valid_area_ratio=0.95&before.valid_area_ratio=0.91&expression=off"
    go_to(opened, state)
    assert opened.run("stateHash()") == "#" + state
    assert opened.run("document.querySelector('#sample h2').textContent") == "000007"
    go_to(opened, "")
    assert opened.run("stateHash()") == "#"


def test_an_address_of_nonsense_shows_the_page_as_at_the_start(opened: Browser) -> None:
    go_to(
        opened, "set=../..&view=x&bs_error=NaN&valid_area_ratio=1e999&size=-3&sort=__proto__&id=%3Cb%3E&age=x~y&tone=z"
    )
    assert opened.run("state.set + state.view + state.size") == "sourcemaps108"
    assert opened.run(KEPT) == kept_by(measurements(ROWS), BOUNDS)


def test_the_wall_is_sorted_and_narrowed(opened: Browser) -> None:
    table, part = measurements(ROWS), data_set(measurements(ROWS))
    errors = table["bs_error"].to_list()
    go_to(opened, "sort=-bs_error")
    rows = opened.run("[...rowsShown]")
    assert rows[-2:] == [ROWS - 2, ROWS - 1]  # failed ones come last, whichever way
    values = [errors[row] for row in rows[:-2]]
    assert all(a >= b - 1e-3 for a, b in pairwise(values))
    go_to(opened, "skin_tone=tan&gender=female&age=30-")
    tones, genders = part.groups[1].of, part.groups[2].of
    ages = part.values["age"]
    wanted = [r for r in range(ROWS) if tones[r] == "tan" and genders[r] == "female" and ages[r] >= 30]
    assert opened.run("[...rowsShown]") == wanted


def test_tiles_show_their_own_part_of_an_atlas(opened: Browser) -> None:
    opened.wait("pool.filter(tile => !tile.hidden).every(tile => !tile.picture.hidden)")
    shot = np.asarray(Image.open(io.BytesIO(opened.picture())).convert("RGB")).astype(int)
    box = "tile.getBoundingClientRect()"
    middles = opened.run(
        f"pool.filter(tile => !tile.hidden).map(tile => [tile.row, {box}.x + tileSize / 2, {box}.y + tileSize / 2])"
    )
    colours, seen = data_set(measurements(ROWS)).colours, 0
    for row, x, y in middles:
        if 240 < y < 780:
            assert np.abs(shot[int(y), int(x)] - colours[row]).max() <= 8, row  # WebP
            seen += 1
    assert seen > 20


BLANK = """
const canvas = new OffscreenCanvas(1, 1);
canvas.getContext('2d');
const bitmap = canvas.transferToImageBitmap();
"""


def test_pictures_do_not_pile_up_however_far_one_scrolls(opened: Browser) -> None:
    opened.wait("loading === 0")
    send = BLANK + "sent.push(bitmap); loading++; arrived(`far/${sent.length}`, bitmap);"
    opened.run(f"window.sent = []; for (let k = 0; k < 100; k++) {{ {send} }}")
    at_hand = opened.run("AT_HAND")
    assert opened.run("atlases.size") == at_hand
    assert opened.run("sent.map(bitmap => bitmap.width)") == [0] * (100 - at_hand) + [1] * at_hand  # 0: closed


def test_a_slider_and_the_arrows_work_by_keyboard(opened: Browser) -> None:
    opened.run("document.querySelector('.criterion input[type=range]').focus()")
    before = opened.run("state.bounds.bs_error.value")
    opened.press(*LEFT)
    opened.wait(f"state.bounds.bs_error.value < {before}")
    opened.wait("location.hash.startsWith('#bs_error=')")
    opened.run("goTo(0, true)")
    opened.press(*RIGHT)
    opened.press(*DOWN)
    assert opened.run("document.activeElement.row") == opened.run("1 + across")
    row = opened.run("document.activeElement.row")
    opened.run("document.activeElement.click()")
    assert opened.run("chosenRow") == row
    opened.press(*LEFT)
    assert opened.run("data.ids[chosenRow]") == text(opened, "#sample h2") == f"{row - 1:06d}"
    opened.press(*ESCAPE)
    assert opened.run("document.querySelector('#sample').hidden")


def test_a_sample_has_its_head_map_faces_numbers_and_reasons(opened: Browser) -> None:
    table = measurements(ROWS)
    go_to(opened, "id=000001")
    opened.wait("document.querySelector('#head').dataset.drawn === 'yes'")
    assert opened.run("document.querySelectorAll('.faces img').length") == 3
    assert text(opened, ".status") == opened.run("'dropped: ' + reasonsOf(1).join('; ')")
    assert "Expression not measured" in text(opened, ".status")
    assert f"{math.ceil(1000 * table['bs_error'][1]) / 1000:.3f}" in text(opened, "#sample table")
    assert "uv-maps/000001.png" in text(opened, "#sample dl")
    x, y, size = opened.run(
        "(({x, y, width}) => [x, y, width])(document.querySelector('#head').getBoundingClientRect())"
    )
    shot = Image.open(io.BytesIO(opened.picture())).convert("RGB")
    middle = np.asarray(shot.crop((int(x + 0.3 * size), int(y + 0.3 * size), int(x + 0.7 * size), int(y + 0.7 * size))))
    colour = data_set(table).colours[1].astype(float)
    shade = middle.reshape(-1, 3).mean(0)
    cosine = shade @ colour / np.linalg.norm(shade) / np.linalg.norm(colour)
    assert cosine > 0.97  # lit, so not the colour itself; it would be the ground's grey if nothing were drawn
    assert middle.std() > 2  # and it is round


def test_a_sample_without_a_script_says_so_and_a_failed_one_why(opened: Browser) -> None:
    go_to(opened, "id=000011")
    assert "details=" in text(opened, "#sample .note")
    go_to(opened, f"id={ROWS - 1:06d}")
    assert text(opened, ".status") == "failed: error: <b>no face</b>"  # as text


def test_both_data_sets_the_quality_table_and_the_card_are_there(opened: Browser) -> None:
    go_to(opened, "set=new&bs_error=2")
    opened.wait("data.name === 'new'")
    assert opened.run(KEPT) == kept_by(measurements(30, seed=5), (Criterion("b", "bs_error", "max", 2.0), *BOUNDS[1:]))
    go_to(opened, "view=quality")
    assert "3.200" in text(opened, "#quality table")
    assert "published 7.293" in text(opened, "#quality table")
    go_to(opened, "view=card")
    assert text(opened, "#card") == "The card\n\nMade by a studio."


def test_no_request_leaves_the_page(opened: Browser, page: Path) -> None:
    go_to(opened, "id=000007&view=maps")
    opened.wait("document.querySelector('#head').dataset.drawn === 'yes'")
    root = page.parent.resolve().as_uri()
    assert [url for url in opened.requests if not url.startswith((root, "data:", "blob:", "about:"))] == []
    tried = "fetch('https://example.com/').then(() => 'sent', () => 'refused')"
    assert opened.run(tried) == "refused"
    picture = (
        "Object.assign(new Image(), {src: 'https://example.com/a.png'}).decode().then(() => 'sent', () => 'refused')"
    )
    assert opened.run(picture) == "refused"
    opened.errors.clear()  # the browser said that it refused


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1400, False), (1400, True)])
def test_it_fits_is_named_and_has_contrast(opened: Browser, width: int, dark: bool) -> None:
    opened.look_like(width, 800, dark=dark)
    opened.run(AUDIT.read_text())
    for state in ("bs_error=2.5", "id=000001&show=changed&bs_error=2.5", "view=quality"):
        go_to(opened, state)
        assert opened.run("document.documentElement.scrollWidth") == width
        assert opened.run("unnamed()") == []
        assert opened.run("faint()") == []
    if width == 360:
        go_to(opened, "")
        click(opened, "#open-panel")
        assert opened.run("document.querySelector('#criteria canvas').clientWidth") > 200
        middle = "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        button = f"document.elementFromPoint(...{middle}(find('open-panel').getBoundingClientRect())).id"
        assert opened.run(button) == "open-panel"  # nothing covers what closes it again
        assert opened.run("faint()") == []
        click(opened, "#open-panel")


def test_hostile_names_stay_text(chromium: Browser, tmp_path: Path) -> None:
    bad = "</script><img src=x onerror=window.hit=1>"
    part = replace(data_set(measurements(6)), ids=[f"{bad}{row}" for row in range(6)], label=bad, failed={2: bad})
    chromium.open(write_page(tmp_path, [part], card=bad))
    chromium.run("choose(2); new Promise(done => setTimeout(done, 60))")
    assert text(chromium, ".status") == f"failed: {bad}"
    assert chromium.run("window.hit ?? 0") == 0
    chromium.errors.clear()
