'use strict';
// A sample: its head to turn, its map, its faces, its numbers, and why it is kept or not.

let chosenRow = -1, viewer, topology, parts, drawn = {};
const coming = {};

/** A value that a script hands over: `FFHQ_UV.<name>`. The script goes once it has run. */
function fromScript(address) {
  return new Promise((resolve, reject) => {
    coming[address] = resolve;
    const element = make('script', {src: address});
    element.onload = () => element.remove();
    element.onerror = () => { element.remove(); reject(Error(address + ' is missing')); };
    document.head.append(element);
  });
}

async function readTopology() {
  const sent = await fromScript('data/topology.js'), Type = sent.wide ? Uint32Array : Uint16Array;
  const [vertex, uv, index] = await Promise.all([numbersOf(sent.vertex, Type), numbersOf(sent.uv, Uint16Array), numbersOf(sent.index, Type)]);
  return {...sent, vertex, uv, index};
}

/** Why a row is not kept, in words. */
function reasonsOf(row) {
  if (data.failed.has(row)) return [data.failed.get(row)];
  return page.criteria.filter((_, place) => now.broken[row] & 1 << place).map(criterion => {
    const bound = state.bounds[criterion.name], column = columnOf(criterion), value = valueAt(column, row);
    if (value === null) return `${criterion.label} not measured`;
    return `${criterion.label} ${readable(value, column.digits)}, ${criterion.side === 'max' ? 'at most' : 'at least'} ${readable(bound.value, column.digits)}`;
  });
}

function makeSample() {
  const canvas = make('canvas', {id: 'head', tabIndex: 0, role: 'img'});
  const light = make('button', {className: 'plain', 'aria-pressed': 'true', textContent: 'Light', title: 'With light, or the map’s own colours'});
  light.onclick = () => { const on = light.ariaPressed !== 'true'; light.ariaPressed = String(on); viewer?.light(on); };
  const button = (textContent, title, onclick) => make('button', {textContent, title, 'aria-label': title, className: 'plain', onclick});
  parts = {
    title: make('h2'), status: make('p', {className: 'status'}), canvas, light,
    map: make('img', {className: 'map'}), small: make('canvas', {className: 'map', width: data.tile, height: data.tile}), faces: make('div', {className: 'faces'}),
    numbers: make('table'), more: make('dl'), note: make('p', {className: 'note'}),
  };
  const map = make('button', {className: 'enlarge', title: 'Enlarge the map', 'aria-label': 'Enlarge the map', onclick: enlarge}, parts.map, parts.small);
  find('sample').replaceChildren(
    make('header', {}, parts.title, button('←', 'Previous (left arrow)', () => step(-1)), button('→', 'Next (right arrow)', () => step(1)), button('×', 'Close (Escape)', closeSample)),
    parts.status,
    make('div', {className: 'pictures'},
      make('figure', {className: 'stage'}, canvas, make('figcaption', {}, make('span', {textContent: 'drag to turn'}), light)),
      make('figure', {}, map, make('figcaption', {textContent: 'UV map'}))),
    parts.faces, parts.note, parts.numbers, parts.more);
}

/** The map as large as the window, until a click or a key. */
function enlarge() {
  if (parts.map.hidden) return;
  const dialog = make('dialog', {'aria-label': 'UV map'}, make('img', {src: parts.map.src, alt: parts.map.alt}));
  dialog.onclick = () => dialog.close();
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
}

function choose(row) {
  if (!parts) makeSample();
  chosenRow = row;
  state.id = data.ids[row];
  find('sample').hidden = false;
  document.body.classList.add('with-sample');
  drawSample();
  layWall();
  goTo(rowsShown.indexOf(row));
  writeState();
  return loadSample(row);
}

function closeSample() {
  chosenRow = -1;
  state.id = '';
  find('sample').hidden = true;
  document.body.classList.remove('with-sample');
  layWall();
  goTo(current, true);
  writeState();
}

/** To another sample of the wall. */
function step(by) {
  const place = rowsShown.indexOf(chosenRow), next = place < 0 ? current : place + by;
  if (rowsShown[next] !== undefined) choose(rowsShown[next]);
}

async function loadSample(row) {
  const {name} = data, has = data.detailed.has(row), {canvas, map, faces, note} = parts;
  find('sample').classList.toggle('bare', !has);
  note.textContent = has ? '' : 'Its head and faces were not drawn for this page: look details=N draws more.';
  faces.replaceChildren();
  map.removeAttribute('src');
  map.alt = `UV map of ${data.ids[row]}`;
  canvas.setAttribute('aria-label', `Head of ${data.ids[row]}; arrow keys turn it`);
  map.hidden = !has;
  parts.small.hidden = has;
  delete canvas.dataset.drawn;
  if (!has) return showTile(row);
  try {
    topology ??= readTopology();
    const [shape, sent] = await Promise.all([topology, fromScript(`${name}/samples/${String(row).padStart(6, '0')}.js`)]);
    const positions = sent.head ? await numbersOf(sent.head.positions, Uint16Array) : null;
    if (chosenRow !== row || data.name !== name) return;
    map.src = sent.map;
    faces.replaceChildren(...sent.faces.map(({view, picture}) => make('figure', {}, make('img', {src: picture, alt: `${view} face of ${data.ids[row]}`}), make('figcaption', {textContent: view}))));
    note.textContent = sent.note ?? '';
    drawn = {row, set: name, facts: sent.facts};
    drawSample();
    find('sample').classList.toggle('bare', !positions);
    await map.decode();
    if (!positions || chosenRow !== row) return;
    viewer ??= makeViewer(canvas, shape);
    if (viewer) viewer.show({...sent.head, positions}, map); else note.textContent = 'This browser draws no heads: it has no WebGL2.';
  } catch (error) {
    note.textContent = error.message;
  }
}

/** The tile of the wall, as large as there is room, where nothing else was made. */
function showTile(row) {
  const number = String(Math.floor(row / data.per_atlas)).padStart(5, '0'), place = row % data.per_atlas, side = data.atlas_side;
  const image = new Image();
  image.src = `${data.name}/atlas/${number}.webp`;
  image.decode().then(() => {
    if (chosenRow !== row) return;
    parts.small.getContext('2d').drawImage(image, -(place % side) * data.tile, -Math.floor(place / side) * data.tile);
  }).catch(() => {});
}

function drawSample() {
  if (chosenRow < 0 || !parts) return;
  const row = chosenRow, reasons = reasonsOf(row), {title, status, numbers, more} = parts, kept = now.status[row] === KEPT;
  title.textContent = data.ids[row];
  const was = now.statusBefore[row] === KEPT;
  status.className = 'status ' + (kept ? 'kept' : 'dropped');
  status.textContent = (kept ? data.words.kept : now.status[row] === FAILED ? 'failed' : data.words.dropped) + (kept === was ? '' : `, was ${was ? data.words.kept : data.words.dropped}`)
    + (reasons.length ? ': ' + reasons.join('; ') : '');
  const bounded = new Map(page.criteria.map((criterion, place) => [state.bounds[criterion.name].column, [criterion, 1 << place]]));
  numbers.replaceChildren(make('caption', {className: 'hidden', textContent: 'Measurements'}), ...Object.values(data.columns).map(column => {
    const [criterion, bit] = bounded.get(column.name) ?? [], bound = criterion && state.bounds[criterion.name];
    const limit = bound?.on ? `${criterion.side === 'max' ? '≤' : '≥'} ${readable(bound.value, column.digits)}` : '';
    return make('tr', {className: bound?.on && now.broken[row] & bit ? 'broken' : ''}, make('th', {scope: 'row', textContent: column.label}),
      make('td', {textContent: readable(valueAt(column, row), column.digits)}), make('td', {textContent: column.unit}), make('td', {textContent: limit}));
  }));
  const facts = Object.values(data.groups).filter(group => group.codes[row] < group.names.length).map(group => [group.label, group.names[group.codes[row]]]);
  if (data.notes.has(row)) facts.push(['note', data.notes.get(row)]);
  if (drawn.row === row && drawn.set === data.name) facts.push(...drawn.facts);
  more.replaceChildren(...facts.flatMap(([name, value]) => [make('dt', {textContent: name}), make('dd', {textContent: value})]));
}
