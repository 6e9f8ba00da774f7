'use strict';
// A histogram for every criterion that is its slider too, and the command that runs the pipeline with the bounds.

const criterionRows = {};

/** An element: its properties, then its children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-') || key === 'role' || key === 'for') element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

const find = id => document.getElementById(id);
const count = number => number.toLocaleString('en');
const columnOf = criterion => data.columns[state.bounds[criterion.name].column];
const choiceOf = (criterion, bound) => criterion.choices.find(choice => choice.column === bound.column);

/** A number as people read it; a bound of the run may have more digits than a step. */
const readable = (value, digits) => value === null ? 'not measured' : value.toFixed(digits);

function makeCriteria() {
  find('criteria').replaceChildren(...page.criteria.map(criterion => {
    const {name, label} = criterion;
    const on = make('input', {type: 'checkbox', id: 'on-' + name});
    const unit = criterion.choices.length > 1
      ? make('select', {'aria-label': label + ', unit'}, ...criterion.choices.map(choice => make('option', {value: choice.column, textContent: choice.unit})))
      : make('small', {textContent: criterion.choices[0].unit});
    const canvas = make('canvas', {'aria-hidden': 'true'});
    const range = make('input', {type: 'range', step: 'any', 'aria-label': label});
    const number = make('input', {type: 'text', inputMode: 'decimal', 'aria-label': `${label}, bound`, autocomplete: 'off'});
    const low = make('span'), high = make('span'), drops = make('small', {className: 'drops'});
    const sign = make('span', {textContent: criterion.side === 'max' ? 'at most' : 'at least'});
    const box = make('div', {className: 'criterion', title: criterion.about},
      make('h3', {}, on, make('label', {for: 'on-' + name, textContent: label}), unit),
      make('div', {className: 'histogram'}, canvas, range),
      make('div', {className: 'ends'}, low, make('label', {className: 'inline'}, sign, number), high), drops);
    on.onchange = () => setBound(criterion, {on: on.checked});
    unit.onchange = () => changeUnit(criterion, unit.value);
    range.oninput = () => setBound(criterion, {on: true, value: nearRun(criterion, +range.value)});
    range.onkeydown = event => stepByKey(criterion, event);
    number.onchange = () => {
      const word = number.value.trim().replace(',', '.');
      if (word === '' || word === 'off') setBound(criterion, {on: false});
      else if (Number.isFinite(+word)) setBound(criterion, {on: true, value: +word});
      else drawCriterion(criterion);
    };
    criterionRows[name] = {box, on, unit, canvas, range, number, low, high, drops};
    return box;
  }));
}

function setBound(criterion, change) {
  const bound = {...state.bounds[criterion.name], ...change};
  bound.value = onStep(criterion, bound.column, bound.value);
  state.bounds[criterion.name] = bound;
  later(judgeAll);
}

/** In another unit the bound lets the same share of the samples pass, until somebody moves it. */
function changeUnit(criterion, column) {
  const old = columnOf(criterion), bound = state.bounds[criterion.name], order = orderOf(column), next = data.columns[column];
  if (criterion.run.column === column && criterion.run.value !== null) return setBound(criterion, {column, value: criterion.run.value});
  const passing = old.codes.reduce((sum, code) => sum + (code !== MISSING && old.steps[code] <= bound.value), 0);
  const value = next.measured ? next.steps[next.codes[order[Math.min(next.measured, Math.max(1, passing)) - 1]]] : 0;
  return setBound(criterion, {column, value});
}

/** A slider that comes near the run's own bound takes it. */
function nearRun(criterion, value) {
  const column = columnOf(criterion), run = criterion.run;
  const close = run.value !== null && run.column === column.name && Math.abs(value - run.value) < (column.high - column.low) / 150;
  return close ? run.value : value;
}

/** Arrows move by a hundredth of what is shown, with Shift by one step. */
function stepByKey(criterion, event) {
  const direction = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10}[event.key];
  if (!direction) return;
  event.preventDefault();
  const column = columnOf(criterion), step = 10 ** -column.digits;
  const by = event.shiftKey ? step : Math.max(step, (column.high - column.low) / 100);
  setBound(criterion, {on: true, value: state.bounds[criterion.name].value + direction * by});
}

let colours;
/** The theme's colours, for canvases. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = Object.fromEntries(['keep', 'drop', 'ink', 'dim', 'line', 'panel'].map(name => [name, style.getPropertyValue('--' + name).trim()]));
}

function drawCriterion(criterion) {
  const {box, on, unit, canvas, range, number, low, high, drops} = criterionRows[criterion.name];
  const bound = state.bounds[criterion.name], column = columnOf(criterion), {label} = criterion;
  box.classList.toggle('off', !bound.on);
  on.checked = bound.on;
  if (unit.tagName === 'SELECT') unit.value = bound.column;
  range.min = column.low; range.max = column.high; range.value = bound.value;
  if (document.activeElement !== number || !bound.on) number.value = bound.on ? readable(bound.value, column.digits) : 'off';
  number.title = bound.on ? String(bound.value) : '';
  low.textContent = readable(column.low, column.digits);
  high.textContent = readable(column.high, column.digits);
  const bit = 1 << page.criteria.indexOf(criterion);
  const alone = now.patterns[bit], broken = now.patterns.reduce((sum, rows, bits) => bits & bit ? sum + rows : sum, 0);
  drops.textContent = !bound.on ? 'lets everything pass' : broken ? `drops ${count(broken)}, ${count(alone)} of them alone` : 'drops none';
  range.setAttribute('aria-valuetext', bound.on ? `${criterion.side === 'max' ? 'at most' : 'at least'} ${readable(bound.value, column.digits)} ${choiceOf(criterion, bound).unit}, drops ${broken}` : `${label} is off`);
  drawHistogram(canvas, column, criterion);
}

function drawHistogram(canvas, column, criterion) {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio || 1;
  if (!width) return;
  canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
  const counts = tally(now.status, column.bars), kept = counts.subarray(0, BINS);
  const whole = kept.map((rows, bar) => rows + counts[256 * DROPPED + bar] + counts[256 * FAILED + bar]), top = Math.max(1, ...whole);
  const pen = canvas.getContext('2d'), room = width / BINS, at = value => (value - column.low) / (column.high - column.low) * width;
  pen.scale(ratio, ratio);
  for (let bar = 0; bar < BINS; bar++) {
    const all = whole[bar];
    if (!all) continue;
    const tall = Math.max(2, Math.sqrt(all / top) * (height - 3)), green = tall * kept[bar] / all;
    pen.fillStyle = colours.drop; pen.fillRect(bar * room, height - tall, room - 1, tall - green);
    pen.fillStyle = colours.keep; pen.fillRect(bar * room, height - green, room - 1, green);
  }
  const bound = state.bounds[criterion.name], before = state.before[criterion.name];
  if (bound.on) {
    const x = Math.min(width, Math.max(0, at(bound.value)));
    pen.globalAlpha = 0.62; pen.fillStyle = colours.panel;
    if (criterion.side === 'max') pen.fillRect(x, 0, width - x, height); else pen.fillRect(0, 0, x, height);
    pen.globalAlpha = 1; pen.fillStyle = colours.ink; pen.fillRect(Math.min(width - 2, Math.max(0, x - 1)), 0, 2, height);
  }
  if (before.on && before.column === column.name && !sameBound(before, bound)) {
    pen.strokeStyle = colours.dim; pen.setLineDash([3, 3]); pen.lineWidth = 1.5;
    const x = Math.min(width - 1, Math.max(1, at(before.value)));
    pen.beginPath(); pen.moveTo(x, 0); pen.lineTo(x, height); pen.stroke();
  }
}

/** What to tell Hydra: only what differs from the run. */
function overrides() {
  return page.criteria.flatMap(criterion => {
    const bound = state.bounds[criterion.name], {run} = criterion;
    if (sameBound(bound, run)) return [];
    if (!bound.on) return criterion.off;
    const moved = !run.on || bound.column !== run.column || bound.value !== run.value;
    return [
      ...run.on ? [] : criterion.switch_on,
      ...bound.column === run.column ? [] : [choiceOf(criterion, bound).override],
      ...moved ? [`${criterion.key}=${bound.value}`] : [],
    ];
  });
}

function drawCommand() {
  const changes = overrides();
  find('command').textContent = ['dvc exp run', ...changes.map(change => `-S ${change}`)].join(' ');
  const {gained, lost} = now;
  const other = sameAsRun(state.before) ? 'the run' : 'the pinned bounds';
  const verdicts = [gained && `${count(gained)} ${gained === 1 ? 'comes' : 'come'} back`, lost && `${count(lost)} ${lost === 1 ? 'goes' : 'go'}`].filter(Boolean);
  find('effect').textContent = verdicts.length ? `Against ${other}: ${verdicts.join(', ')}.` : `The same maps as ${other}.`;
  find('reset').hidden = sameAsRun(state.bounds) && sameAsRun(state.before);
  find('pinned').textContent = sameAsRun(state.before) ? 'compared with the run' : `compared with pinned bounds, which keep ${count(now.keptBefore)}`;
}

const sameAsRun = bounds => page.criteria.every(({name, run}) => sameBound(bounds[name], run));
