'use strict';
// Puts the parts together: what comes from the data's scripts, what changes when, and the keys.

let data, now;
const tables = {};

const FFHQ_UV = {
  page: sent => { page = sent; start(); },
  table: sent => coming[`${sent.name}/table.js`](sent),
  topology: sent => coming['data/topology.js'](sent),
  sample: sent => coming[sent.address](sent),
};

async function start() {
  document.title = `${page.title} · FFHQ-UV-Interpolate`;
  document.querySelector('h1').title = page.title;
  state = readState(location.hash);
  readTheme();
  find('set').replaceChildren(...page.sets.map(set => make('button', {textContent: set.label, onclick: () => changeSet(set.name)}, make('small', {textContent: count(set.rows)}))));
  find('view').querySelector('[data-value=card]').hidden = !page.card;
  makeCriteria();
  drawQuality();
  drawCard();
  listen();
  await openSet();
  document.documentElement.dataset.ready = 'yes';
}

/** The data set that the state names, its table read once. */
async function openSet() {
  const {set} = state;
  tables[set] ??= fromScript(`${set}/table.js`).then(readTable);
  const table = await tables[set];
  if (state.set !== set) return;
  data = table;
  chosenRow = -1;
  current = 0;
  makeSort();
  drawState();
}

async function changeSet(name) {
  Object.assign(state, {set: name, id: '', only: {}, sort: 'id'});
  find('wall').scrollTop = 0;
  await openSet();
}

/** Everything anew, after another address or another data set. */
function drawState() {
  if (!Object.hasOwn(data.columns, state.sort.replace('-', ''))) state.sort = state.sort === '-id' ? '-id' : 'id';
  makeOnly();
  for (const [name, value] of [['set', page.sets.find(set => set.name === state.set).label], ['view', state.view]])
    for (const button of find(name).children) button.setAttribute('aria-pressed', String((button.dataset.value ?? button.firstChild.textContent) === value));
  for (const name of ['maps', 'quality', 'card']) find(name).hidden = state.view !== name;
  find('foot').hidden = state.view !== 'maps';
  find('size').value = state.size;
  judgeAll();
  const row = state.id ? data.ids.indexOf(state.id) : -1;
  if (row >= 0) choose(row); else if (chosenRow >= 0) closeSample(); else { find('sample').hidden = true; document.body.classList.remove('with-sample'); layWall(); }
}

function makeSort() {
  const options = [['id', 'id'], ...Object.values(data.columns).map(column => [column.name, page.criteria.some(({choices}) => choices.length > 1 && choices.some(({column: name}) => name === column.name)) ? `${column.label}, ${column.unit}` : column.label])];
  find('sort').replaceChildren(...options.map(([value, textContent]) => make('option', {value, textContent})));
}

/** Judge all rows by both bounds; then all that shows it. */
function judgeAll() {
  const broken = judge(data, page.criteria, state.bounds), status = statuses(data, broken);
  const same = page.criteria.every(({name}) => sameBound(state.bounds[name], state.before[name]));
  const statusBefore = same ? status : statuses(data, judge(data, page.criteria, state.before));
  const both = tally(status, statusBefore), stays = both[KEPT];
  const kept = stays + both[DROPPED], keptBefore = stays + both[256 * DROPPED];
  now = {broken, status, statusBefore, kept, keptBefore, gained: kept - stays, lost: keptBefore - stays, patterns: patternsOf(broken)};
  for (const criterion of page.criteria) drawCriterion(criterion);
  drawCounts();
  drawShares();
  drawCommand();
  showAgain();
}

function drawCounts() {
  const {kept, keptBefore, gained, lost} = now, {rows, words, failed} = data;
  const parts = [make('strong', {className: 'kept', textContent: count(kept)}), ` ${words.kept} `, make('strong', {className: 'dropped', textContent: count(rows - kept)}), ` ${words.dropped} `];
  if (failed.size) parts.push(make('span', {className: 'dim', textContent: `(${count(failed.size)} failed) `}));
  parts.push(make('span', {className: 'dim', textContent: `of ${count(rows)}` + (gained || lost ? ` · ${count(keptBefore)} before` : '')}));
  find('counts').replaceChildren(...parts);
  const [bar, mark] = find('bar').children;
  bar.style.width = 100 * kept / Math.max(1, rows) + '%';
  mark.style.left = 100 * keptBefore / Math.max(1, rows) + '%';
  mark.hidden = kept === keptBefore;
}

/** The wall's rows anew, after other bounds, fields or order. */
function showAgain() {
  chooseRows();
  const {gained, lost} = now, of = {all: data.rows, kept: now.kept, dropped: data.rows - now.kept, changed: gained + lost};
  const labels = {all: 'all', kept: data.words.kept, dropped: data.words.dropped, changed: 'changed'};
  const inShow = find('show').contains(document.activeElement) && state.show;
  find('show').replaceChildren(...Object.keys(labels).map(name => make('button', {
    'aria-pressed': String(state.show === name), disabled: name === 'changed' && !of.changed && state.show !== name,
    onclick: () => { state.show = name; later(showAgain); }}, labels[name], make('small', {textContent: count(of[name])}))));
  if (inShow) find('show').children[Object.keys(labels).indexOf(inShow)]?.focus();
  find('sort').value = state.sort.replace('-', '');
  find('turn').textContent = state.sort.startsWith('-') ? '↓' : '↑';
  find('turn').setAttribute('aria-label', state.sort.startsWith('-') ? 'Largest first; turn round' : 'Least first; turn round');
  for (const name of GROUPS) { const select = find('only-' + name); if (select) select.value = state.only[name] ?? ''; }
  for (const button of document.querySelectorAll('.share')) { const [name, ...label] = button.dataset.share.split('/'); button.setAttribute('aria-pressed', String(state.only[name] === label.join('/'))); }
  layWall();
  drawSample();
  writeState();
}

let frame, task;
/** Do this with the next picture, once however often it is asked for; judging includes showing. */
function later(what) {
  if (task !== judgeAll) task = what;
  frame ??= requestAnimationFrame(() => { const run = task; frame = task = undefined; run(); });
}

function readTheme() {
  document.documentElement.dataset.theme = state.theme;
  readColours();
}

function listen() {
  document.querySelector('.skip').onclick = event => { event.preventDefault(); goTo(current, true); };
  find('view').onclick = event => { const {value} = event.target.dataset; if (value) { state.view = value; drawState(); writeState(); } };
  find('theme').onclick = () => {
    const dark = state.theme ? state.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    state.theme = dark ? 'light' : 'dark';
    readTheme(); judgeAll();
  };
  matchMedia('(prefers-color-scheme: dark)').onchange = () => { readColours(); judgeAll(); };
  find('sort').onchange = event => { state.sort = event.target.value; find('wall').scrollTop = 0; later(showAgain); };
  find('turn').onclick = () => { state.sort = state.sort.startsWith('-') ? state.sort.slice(1) : '-' + state.sort; find('wall').scrollTop = 0; later(showAgain); };
  find('size').oninput = event => { state.size = event.target.value; layWall(); writeState(); };
  find('reset').onclick = () => { state.bounds = runBounds(); state.before = runBounds(); later(judgeAll); };
  find('pin').onclick = () => { state.before = structuredClone(state.bounds); later(judgeAll); };
  find('all').onclick = () => { Object.assign(state, {show: 'all', only: {}, age: ['', '']}); makeOnly(); later(showAgain); };
  find('open-panel').onclick = event => { const open = find('panel').classList.toggle('open'); event.target.setAttribute('aria-expanded', String(open)); for (const criterion of page.criteria) drawCriterion(criterion); };
  find('copy').onclick = async event => {
    const text = find('command').textContent;
    try { await navigator.clipboard.writeText(text); } catch { getSelection().selectAllChildren(find('command')); document.execCommand('copy'); }
    event.target.textContent = 'Copied';
    setTimeout(() => { event.target.textContent = 'Copy'; }, 1500);
  };
  find('wall').onscroll = () => { later.scroll ??= requestAnimationFrame(() => { later.scroll = undefined; paintWall(); }); };
  addEventListener('keydown', event => {
    if (event.key === 'Escape' && chosenRow >= 0 && !document.querySelector('dialog')) closeSample(); else walkByKey(event);
  });
  addEventListener('hashchange', () => {
    const before = state.set;
    state = readState(location.hash);
    readTheme();
    if (state.set === before) drawState(); else openSet();
  });
  new ResizeObserver(() => { layWall(); for (const criterion of page.criteria) if (now) drawCriterion(criterion); }).observe(find('gallery'));
}
