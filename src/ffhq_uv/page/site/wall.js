'use strict';
// The wall of maps: only the tiles in sight exist, and pictures come a few at a time, the last asked for first.

const GAP = 6, AT_ONCE = 4, AT_HAND = 64;
const pool = [];
/** Atlases by their address, the last used last: a bitmap, or what became of it. Pictures that a style or an element
 * names stay decoded in the browser, half a gigabyte of them; a bitmap goes when it is closed. */
const atlases = new Map();
let rowsShown = [], across = 1, tileSize = 128, current = 0, waiting = [], loading = 0;

const orderOf = name => {
  const column = data.columns[name];
  return column.order ??= ordered(column);
};

/** The rows to show, in their order: by status and fields, sorted. */
function chooseRows() {
  const {status, statusBefore} = now, want = wanted(), {show, sort} = state, down = sort.startsWith('-'), by = sort.replace('-', '');
  const order = by !== 'id' && data.columns[by] ? orderOf(by) : null, {codes} = data.columns[by] ?? {};
  const found = new Uint32Array(data.rows), last = [];
  let some = 0;
  for (let place = 0; place < data.rows; place++) {
    const row = order ? order[place] : place;
    if (show === 'kept' ? status[row] !== KEPT : show === 'dropped' ? status[row] === KEPT : show === 'changed' ? (status[row] === KEPT) === (statusBefore[row] === KEPT) : false) continue;
    if (!want(row)) continue;
    if (codes?.[row] === MISSING) last.push(row); else found[some++] = row;
  }
  if (down) found.subarray(0, some).reverse();
  found.set(last, some);
  rowsShown = found.subarray(0, some + last.length);
}

function layWall() {
  const wall = find('wall'), room = wall.clientWidth - 2 * GAP;
  if (room < 0 || !wall.clientHeight) return;
  across = Math.max(room < 500 ? 3 : 2, Math.floor((room + GAP) / (Number(state.size) + GAP)));
  tileSize = Math.floor((room + GAP) / across) - GAP;
  find('space').style.height = Math.ceil(rowsShown.length / across) * (tileSize + GAP) + GAP + 'px';
  find('none').hidden = rowsShown.length > 0;
  current = Math.min(current, Math.max(0, rowsShown.length - 1));
  paintWall();
}

function paintWall() {
  const wall = find('wall'), pitch = tileSize + GAP, top = wall.scrollTop;
  const first = Math.max(0, Math.floor(top / pitch) - 1) * across;
  const last = Math.min(rowsShown.length, (Math.ceil((top + wall.clientHeight) / pitch) + 1) * across);
  while (pool.length < last - first) pool.push(makeTile());
  // A place keeps its tile while it is in sight, so that scrolling touches only what comes.
  for (let k = 0; k < pool.length; k++) {
    const span = pool.length, place = first + ((k - first) % span + span) % span;
    if (place < last) paintTile(pool[k], place); else pool[k].hidden = true;
  }
}

function makeTile() {
  const picture = make('canvas', {width: data.tile, height: data.tile, hidden: true, 'aria-hidden': 'true'});
  const tile = Object.assign(make('button', {className: 'tile'}, picture), {picture, pen: picture.getContext('2d')});
  tile.onclick = () => { current = tile.place; choose(tile.row); };
  tile.onfocus = () => { current = tile.place; };
  find('space').append(tile);
  return tile;
}

function paintTile(tile, place) {
  const row = rowsShown[place], {status, statusBefore} = now;
  const mark = status[row] === KEPT ? (statusBefore[row] === KEPT ? 'kept' : 'back') : status[row] === FAILED ? 'failed' : statusBefore[row] === KEPT ? 'gone' : 'dropped';
  const key = `${data.name} ${row} ${place} ${tileSize} ${across} ${mark} ${now.broken[row]} ${row === chosenRow}`;
  tile.hidden = false;
  tile.tabIndex = place === current ? 0 : -1;
  if (tile.key !== key) {
    const number = Math.floor(row / data.per_atlas), [red, green, blue] = data.colours.subarray(3 * row, 3 * row + 3);
    Object.assign(tile, {key, place, row, atlas: `${data.name}/atlas/${String(number).padStart(5, '0')}.webp`});
    tile.dataset.mark = mark;
    tile.toggleAttribute('aria-current', row === chosenRow);
    const words = reasonsOf(row);
    tile.setAttribute('aria-label', [data.ids[row], MARKS[mark](data.words), ...words].join(', '));
    tile.title = [data.ids[row], ...words].join('\n');
    const {style} = tile;
    style.width = style.height = tileSize + 'px';
    style.transform = `translate(${GAP + place % across * (tileSize + GAP)}px, ${GAP + Math.floor(place / across) * (tileSize + GAP)}px)`;
    style.backgroundColor = `rgb(${red}, ${green}, ${blue})`;
    tile.picture.hidden = true;
  }
  if (tile.picture.hidden) showPicture(tile);
}

const MARKS = {
  kept: words => words.kept, dropped: words => words.dropped, failed: () => 'failed',
  back: words => `${words.kept}, was ${words.dropped}`, gone: words => `${words.dropped}, was ${words.kept}`,
};

function showPicture(tile) {
  const {atlas: address, picture, pen, row} = tile, atlas = atlases.get(address);
  if (!(atlas instanceof ImageBitmap)) {
    waiting.push(tile);
    return loadSome();
  }
  atlases.delete(address);
  atlases.set(address, atlas);
  const {tile: size, per_atlas, atlas_side: side} = data, place = row % per_atlas;
  pen.drawImage(atlas, place % side * size, Math.floor(place / side) * size, size, size, 0, 0, size, size);
  picture.hidden = false;
}

/** Atlases that tiles in sight wait for, a few at a time. */
function loadSome() {
  while (loading < AT_ONCE && waiting.length) {
    const tile = waiting.pop();
    if (tile.hidden || !tile.picture.hidden || atlases.has(tile.atlas)) continue;
    const address = tile.atlas, image = new Image();
    atlases.set(address, 'coming');
    loading++;
    image.onload = () => createImageBitmap(image).then(bitmap => arrived(address, bitmap), image.onerror);
    image.onerror = () => arrived(address, 'missing');
    image.src = address;
  }
}

function arrived(address, atlas) {
  loading--;
  atlases.set(address, atlas);
  if (atlas !== 'missing') for (const tile of pool) if (!tile.hidden && tile.atlas === address && tile.picture.hidden) showPicture(tile);
  for (const [old, bitmap] of atlases) {
    if (atlases.size <= AT_HAND) break;
    if (bitmap instanceof ImageBitmap) { bitmap.close(); atlases.delete(old); }
  }
  loadSome();
}

/** Go to a place of the wall, and bring it into sight. */
function goTo(place, focus) {
  if (place < 0 || place >= rowsShown.length) return;
  current = place;
  const wall = find('wall'), pitch = tileSize + GAP, top = GAP + Math.floor(place / across) * pitch;
  if (top < wall.scrollTop) wall.scrollTop = top - GAP;
  else if (top + pitch > wall.scrollTop + wall.clientHeight) wall.scrollTop = top + pitch - wall.clientHeight;
  paintWall();
  if (focus) pool.find(tile => !tile.hidden && tile.place === place)?.focus({preventScroll: true});
}

/** Arrows walk over the wall; with a sample open they open the next. */
function walkByKey(event) {
  const by = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across}[event.key];
  const inWall = find('wall').contains(document.activeElement), open = chosenRow >= 0;
  if (!by || event.altKey || event.ctrlKey || event.metaKey || state.view !== 'maps') return;
  if (!(inWall || open) || event.target.closest('input, select, canvas')) return;
  event.preventDefault();
  if (open) step(by); else goTo(current + by, true);
}
