'use strict';
// What is looked at, all of it in the address after the #: a view can be linked, and gone back to.

const DEFAULTS = {set: '', view: 'maps', show: 'all', sort: 'id', size: '108', theme: '', id: ''};
const GROUPS = ['category', 'skin_tone', 'gender'];
let page, state;

/** The run's own bounds. */
function runBounds() {
  return Object.fromEntries(page.criteria.map(criterion => [criterion.name, {...criterion.run}]));
}

/** The state that an address names; what it does not name, or misspells, is as at the start. */
function readState(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ''));
  const found = {bounds: runBounds(), before: runBounds(), only: {}, age: ['', '']};
  for (const [key, value] of Object.entries(DEFAULTS)) found[key] = words.get(key) ?? value;
  if (!page.sets.some(set => set.name === found.set)) found.set = page.sets[0].name;
  if (!['maps', 'quality', 'card'].includes(found.view)) found.view = 'maps';
  if (!(found.size >= 60 && found.size <= 256)) found.size = DEFAULTS.size;
  for (const group of GROUPS) if (words.get(group)) found.only[group] = words.get(group);
  if (words.get('age')) found.age = words.get('age').split('-').concat('').slice(0, 2);
  for (const criterion of page.criteria) {
    found.bounds[criterion.name] = readBound(criterion, words.get(criterion.name));
    found.before[criterion.name] = readBound(criterion, words.get('before.' + criterion.name));
  }
  return found;
}

/** `3.1`, `off`, or `3.1@column`. */
function readBound(criterion, word) {
  const bound = {...criterion.run};
  if (word === null) return bound;
  const [value, column] = word.split('@');
  if (criterion.choices.some(choice => choice.column === column)) bound.column = column;
  bound.on = value !== 'off';
  if (value !== '' && bound.on && Number.isFinite(+value)) bound.value = onStep(criterion, bound.column, +value);
  return bound;
}

/** The step that a number is rounded to: a multiple of 10^-digits, or the run's own bound. */
function onStep(criterion, column, value) {
  const run = criterion.run;
  if (column === run.column && value === run.value) return value;
  return Number(value.toFixed(criterion.choices.find(choice => choice.column === column).digits));
}

const sameBound = (a, b) => a.on === b.on && a.column === b.column && (!a.on || a.value === b.value);

function boundWord(criterion, bound) {
  return (bound.on ? String(bound.value) : 'off') + (bound.column === criterion.run.column ? '' : '@' + bound.column);
}

/** The address of the state; what is as at the start is left out. */
function stateHash() {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(DEFAULTS))
    if (String(state[key]) !== (key === 'set' ? page.sets[0].name : value)) words.set(key, state[key]);
  for (const [group, name] of Object.entries(state.only)) words.set(group, name);
  if (state.age[0] || state.age[1]) words.set('age', state.age.join('-'));
  for (const criterion of page.criteria) {
    const {name, run} = criterion;
    if (!sameBound(state.bounds[name], run)) words.set(name, boundWord(criterion, state.bounds[name]));
    if (!sameBound(state.before[name], run)) words.set('before.' + name, boundWord(criterion, state.before[name]));
  }
  return words.size ? '#' + words.toString().replaceAll('%2F', '/').replaceAll('%40', '@') : '#';
}

let writing;
/** Put the state into the address once it rests; browsers refuse hundreds of addresses at a time. */
function writeState() {
  clearTimeout(writing);
  writing = setTimeout(() => { if (location.hash !== stateHash()) history.replaceState(null, '', stateHash()); }, 200);
}
