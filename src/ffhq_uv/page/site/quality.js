'use strict';
// The quality tables with their intervals, and the data card.

function drawQuality() {
  const tables = page.tables.map(table => {
    const head = make('tr', {}, make('th', {scope: 'col', textContent: table.what}), ...table.columns.map(column =>
      make('th', {scope: 'col'}, column.label, make('small', {textContent: column.unit}))));
    const rows = table.rows.map(row => make('tr', {}, make('th', {scope: 'row', textContent: row.label}),
      ...row.cells.map((cell, place) => make('td', {}, ...figure(cell, table.columns[place], scaleOf(table, place))))));
    return make('section', {}, make('h2', {textContent: table.title}), make('p', {textContent: table.note}),
      make('div', {className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': table.title}, make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows))));
  });
  find('quality').replaceChildren(make('h1', {textContent: 'Quality'}), ...tables.length ? tables : [make('p', {textContent: 'There is no quality table yet: dvc repro makes it.'})]);
}

/** Least and largest of all figures of a column, with their intervals. */
function scaleOf(table, place) {
  const all = table.rows.flatMap(({cells}) => cells[place] ? [cells[place].value, cells[place].low, cells[place].high, cells[place].published] : []).filter(Number.isFinite);
  return [Math.min(0, ...all), Math.max(...all)];
}

function figure(cell, column, [least, most]) {
  if (!cell) return [make('span', {className: 'dim', textContent: '–'})];
  const text = number => column.digits ? number.toFixed(column.digits) : count(number);
  const parts = [make('strong', {textContent: text(cell.value)})];
  if (cell.low < cell.high) parts.push(make('small', {textContent: `${text(cell.low)} – ${text(cell.high)}`}));
  if (column.bar) {
    const at = number => 100 * (number - least) / (most - least || 1) + '%';
    const line = make('i'), dot = make('b'), track = make('span', {className: 'interval', 'aria-hidden': 'true'}, line, dot);
    line.style.left = at(cell.low ?? cell.value);
    line.style.width = `calc(${at(cell.high ?? cell.value)} - ${at(cell.low ?? cell.value)})`;
    dot.style.left = at(cell.value);
    if (Number.isFinite(cell.published)) { const ring = make('em'); ring.style.left = at(cell.published); track.append(ring); }
    parts.push(track);
  }
  if (Number.isFinite(cell.published)) parts.push(make('small', {className: 'published', textContent: `published ${text(cell.published)}`}));
  return parts;
}

/** A card is Markdown: its headings, lists, tables and paragraphs are told apart, nothing more. */
function drawCard() {
  const blocks = (page.card ?? '').replace(/^---\n[\s\S]*?\n---\n/, '').split(/\n\s*\n/).filter(block => block.trim());
  find('card').replaceChildren(...blocks.map(block => {
    const heading = /^(#{1,4}) +(.*)$/.exec(block.split('\n')[0]);
    if (heading) return make('h' + Math.min(4, heading[1].length), {textContent: heading[2]});
    if (/^\s*\|/.test(block)) return cardTable(block);
    if (/^\s*[-*] /.test(block)) return make('ul', {}, ...block.split(/\n(?=\s*[-*] )/).map(item => make('li', {textContent: plain(item.replace(/^\s*[-*] /, ''))})));
    return block.startsWith('```') ? make('pre', {textContent: block.replace(/```\w*\n?/g, '')}) : make('p', {textContent: plain(block)});
  }));
}

const plain = text => text.replace(/\s+/g, ' ').replace(/\*\*|`/g, '').replace(/\[([^\]]+)\]\(([^)]+)\)/g, '$1 ($2)');

function cardTable(block) {
  const rows = block.trim().split('\n').map(line => line.trim().replace(/^\||\|$/g, '').split('|').map(cell => plain(cell.trim()))).filter(cells => !cells.every(cell => /^:?-+:?$/.test(cell)));
  const line = (cells, tag) => make('tr', {}, ...cells.map(textContent => make(tag, {textContent})));
  return make('div', {className: 'scroll', tabIndex: 0}, make('table', {}, make('thead', {}, line(rows[0], 'th')), make('tbody', {}, ...rows.slice(1).map(cells => line(cells, 'td')))));
}
