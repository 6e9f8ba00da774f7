'use strict';
// A data set's columns: unpacking them, judging every row by bounds, sorting.

const MISSING = 65535;
const KEPT = 0, DROPPED = 1, FAILED = 2;

/** The bytes of a packed text: base64 of gzip. */
async function bytesOf(text) {
  const zipped = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const plain = new Blob([zipped]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** Packed numbers; all lowest bytes come first. */
async function numbersOf(text, Type) {
  const planes = await bytesOf(text), size = Type.BYTES_PER_ELEMENT, count = planes.length / size;
  if (size === 1) return new Type(planes.buffer);
  const bytes = new Uint8Array(planes.length);
  for (let place = 0; place < size; place++)
    for (let row = 0; row < count; row++) bytes[row * size + place] = planes[place * count + row];
  return new Type(bytes.buffer);
}

/** A column's steps, ascending: the multiples of 10^-digits, and the run's bounds between them. */
function stepsOf(column) {
  const scale = 10 ** column.digits, steps = [];
  for (let step = column.first; step <= column.last; step++) steps.push(step / scale);
  const extra = column.exact.filter(value => steps[lowerPlace(steps, value)] !== value);
  return Float64Array.from([...steps, ...extra]).sort();
}

/** The first place whose value is at least this. */
function lowerPlace(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < value) low = middle + 1; else high = middle; }
  return low;
}

/** A table as it was sent, its columns made arrays. */
async function readTable(sent) {
  const table = {...sent, columns: {}, groups: {}, failed: new Map(sent.failed), notes: new Map(sent.notes)};
  const ids = new TextDecoder().decode(await bytesOf(sent.ids));
  table.ids = ids ? ids.split('\n') : [];
  table.colours = await numbersOf(sent.colours, Uint8Array);
  table.detailed = new Set(await numbersOf(sent.detailed, Uint32Array));
  for (const column of sent.columns) {
    const codes = await numbersOf(column.codes, Uint16Array), steps = stepsOf(column);
    table.columns[column.name] = {...column, codes, steps, ...shown(codes, steps), orders: {}};
  }
  for (const group of sent.groups) table.groups[group.name] = {...group, codes: await numbersOf(group.codes, Uint8Array)};
  return table;
}

const BINS = 56;

/** The range that a histogram shows, and every row's bar in it; a few far values do not flatten the picture. */
function shown(codes, steps) {
  const counts = new Uint32Array(65536);
  for (const code of codes) counts[code]++;
  const measured = codes.length - counts[MISSING];
  let low = -1, high = 0, below = 0, most = 0;
  for (let code = 0; code < MISSING; code++) {
    if (!counts[code]) continue;
    if (low < 0) low = code;
    if (below < 0.995 * measured) most = code;
    below += counts[code];
    high = code;
  }
  if (low < 0) return {measured, low: 0, high: 1, bars: new Uint8Array(codes.length).fill(255)};
  const from = steps[low], usual = steps[most] - from;
  let to = steps[high];
  if (to - from > 3 * usual && usual > 0) to = from + 1.5 * usual;
  if (to === from) to = steps[Math.min(high + 1, steps.length - 1)];
  const bars = new Uint8Array(codes.length), barOf = Uint8Array.from(steps, value => Math.min(BINS - 1, Math.max(0, Math.floor((value - from) / (to - from) * BINS))));
  for (let row = 0; row < codes.length; row++) bars[row] = codes[row] === MISSING ? 255 : barOf[codes[row]];
  return {measured, low: from, high: to, bars};
}

/** A row's value, or null where it was not measured. */
const valueAt = (column, row) => column.codes[row] === MISSING ? null : column.steps[column.codes[row]];

/** Of every row the criteria that it breaks, a bit each; a value on the bound is kept, a missing one never. */
function judge(table, criteria, bounds) {
  const broken = new Uint8Array(table.rows);
  criteria.forEach((criterion, place) => {
    const bound = bounds[criterion.name], column = table.columns[bound.column];
    if (!bound.on) return;
    const {codes, steps} = column, limit = lowerPlace(steps, bound.value);
    if (criterion.side === 'max') {
      const most = steps[limit] === bound.value ? limit : limit - 1;
      for (let row = 0; row < codes.length; row++) broken[row] |= (codes[row] > most) << place;
    } else for (let row = 0; row < codes.length; row++) broken[row] |= (codes[row] < limit || codes[row] === MISSING) << place;
  });
  return broken;
}

/** Of every row whether it is kept, dropped or failed. */
function statuses(table, broken) {
  const status = new Uint8Array(broken.length);
  for (let row = 0; row < broken.length; row++) status[row] = (broken[row] > 0) * DROPPED;
  for (const row of table.failed.keys()) status[row] = FAILED;
  return status;
}

/** How many rows break just these criteria, by their bits. */
function patternsOf(broken) {
  const counts = new Uint32Array(256);
  for (let row = 0; row < broken.length; row++) counts[broken[row]]++;
  return counts;
}

/** How many rows have each pair of a high number, below 4, and a low one, below 256: at `256 * high + low`. */
function tally(high, low) {
  const counts = new Uint32Array(4 * 256);
  for (let row = 0; row < low.length; row++) counts[high[row] << 8 | low[row]]++;
  return counts;
}

/** All rows by a column, the least first, those not measured last; rows of the same value in their order. */
function ordered(column) {
  const start = new Uint32Array(65537), order = new Uint32Array(column.codes.length);
  for (const code of column.codes) start[code + 1]++;
  for (let code = 0; code < 65536; code++) start[code + 1] += start[code];
  column.codes.forEach((code, row) => { order[start[code]++] = row; });
  return order;
}
