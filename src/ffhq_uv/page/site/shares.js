'use strict';
// Who is kept, by skin tone and by category, and the fields that narrow the wall.

const capital = text => text[0].toUpperCase() + text.slice(1);

function drawShares() {
  const parts = ['skin_tone', 'category'].filter(name => data.groups[name]?.names.length).map(name => {
    const group = data.groups[name], counts = tally(now.status, group.codes), before = tally(now.statusBefore, group.codes);
    const rows = group.names.map((label, code) => {
      const all = counts[code] + counts[256 * DROPPED + code] + counts[256 * FAILED + code];
      return all ? shareRow(name, label, all, counts[code], before[code]) : null;
    });
    return make('div', {className: 'shares'}, make('h2', {textContent: `${capital(data.words.kept)} by ${group.label}`}), ...rows.filter(Boolean));
  });
  const focused = document.activeElement?.dataset?.share;
  find('shares').replaceChildren(...parts);
  if (focused) find('shares').querySelector(`[data-share="${CSS.escape(focused)}"]`)?.focus();
}

function shareRow(name, label, all, kept, before) {
  const chosen = state.only[name] === label;
  const share = make('i'), mark = make('b', {hidden: before === kept});
  share.style.width = 100 * kept / all + '%';
  mark.style.left = 100 * before / all + '%';
  const row = make('button', {className: 'share', title: chosen ? 'show all again' : 'show only these', 'aria-pressed': String(chosen)},
    make('span', {textContent: label}), make('span', {className: 'track'}, share, mark),
    make('em', {textContent: `${count(kept)} of ${count(all)}`}), make('em', {textContent: Math.round(100 * kept / all) + ' %'}));
  row.dataset.share = name + '/' + label;
  row.onclick = () => {
    if (chosen) delete state.only[name]; else state.only[name] = label;
    later(showAgain);
  };
  return row;
}

/** A select for every group, and the ages from and to. */
function makeOnly() {
  const fields = GROUPS.filter(name => data.groups[name]?.names.length).map(name => {
    const {label, names} = data.groups[name];
    const select = make('select', {id: 'only-' + name}, make('option', {value: '', textContent: 'any'}),
      ...names.map(text => make('option', {value: text, textContent: text})));
    select.value = names.includes(state.only[name]) ? state.only[name] : '';
    select.onchange = () => { if (select.value) state.only[name] = select.value; else delete state.only[name]; later(showAgain); };
    return make('label', {}, make('span', {textContent: capital(label)}), select);
  });
  if (data.columns.age) {
    const ages = state.age.map((value, place) => {
      const field = make('input', {type: 'text', inputMode: 'decimal', value, 'aria-label': place ? 'Age, to' : 'Age, from', placeholder: place ? 'to' : 'from'});
      field.onchange = () => { state.age[place] = field.value.trim() !== '' && Number.isFinite(+field.value) ? String(+field.value) : ''; later(showAgain); };
      return field;
    });
    fields.push(make('div', {className: 'field'}, make('span', {textContent: 'Age'}), make('div', {className: 'from-to'}, ...ages)));
  }
  find('only').replaceChildren(...fields);
}

/** Whether a row is among those to be shown, apart from its status. */
function wanted() {
  const codes = Object.entries(state.only).filter(([name]) => data.groups[name]).map(([name, label]) => [data.groups[name].codes, data.groups[name].names.indexOf(label)]);
  const [from, to] = state.age, age = data.columns.age;
  return row => {
    for (const [of, code] of codes) if (of[row] !== code) return false;
    if (!age || (from === '' && to === '')) return true;
    const value = valueAt(age, row);
    return value !== null && (from === '' || value >= +from) && (to === '' || value <= +to);
  };
}
