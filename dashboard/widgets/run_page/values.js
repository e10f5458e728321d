// Metrics, parameters and tags of a run, narrowed by one field.
//
// data: see run_values.py. A table has rows [[cell, …], …]; a cell is a text or {text, value, course}.

const MOST_ROWS = 400;
const LONGEST = 300;
// Left out on a phone.
const STEPS = ['Step', 'At step'];

class Values {
  constructor(root) {
    this.root = root;
    this.typed = '';
    this.order = {};
    this.onlyDiffering = false;
    this.filter = h('input', { type: 'search', 'aria-label': 'Filter metrics, parameters and tags',
      placeholder: 'Filter metrics, parameters, tags', oninput: () => {
        this.typed = this.filter.value.trim().toLowerCase();
        this.draw();
      }, onkeydown: (event) => event.stopPropagation() });
    this.tables = h('div', { class: 'tables' });
    root.replaceChildren(h('label', { class: 'search' }, icon('filter_list'), this.filter), this.tables);
  }

  update(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    const [metrics, ...others] = this.data.tables.map((table) => this.table(table));
    this.tables.replaceChildren(metrics, h('div', { class: 'stack' }, ...others));
  }

  table(table) {
    const matches = table.rows.filter((row) =>
      row.slice(0, 2).some((cell) => parts(cell).text?.toLowerCase().includes(this.typed)));
    const isNarrowed = this.typed && matches.length > 0;
    let rows = isNarrowed ? matches : table.rows;
    if (table.differs && this.onlyDiffering) rows = rows.filter((row) => table.differs.includes(row[0]));
    rows = this.sorted(table, rows);
    const all = table.rows.length.toLocaleString('en');
    const said = !this.typed ? all : isNarrowed ? `${matches.length.toLocaleString('en')} of ${all} match`
      : `${all}, none matches: all shown`;
    const head = h('div', { class: 'title' }, h('h2', {}, table.title), h('span', {}, said),
      h('span', { class: 'space' }), table.differs?.length ? this.differing(table) : null);
    const body = rows.slice(0, MOST_ROWS).map((row) => h('tr', {}, ...row.map((cell, place) =>
      this.cell(cell, place, table.heads[place], isNarrowed))));
    const more = rows.length > MOST_ROWS
      && h('p', { class: 'quiet' }, `The first ${MOST_ROWS}; the filter finds the others.`);
    return h('section', { 'aria-label': table.title }, head,
      h('table', { class: table.numbers ? 'numbers' : '' }, h('thead', {}, h('tr', {}, ...table.heads.map((one, place) =>
        this.headOf(table, one, place)))), h('tbody', {}, ...body)), more);
  }

  differing(table) {
    return h('button', { type: 'button', class: 'toggle', 'aria-pressed': String(this.onlyDiffering),
      onclick: () => { this.onlyDiffering = !this.onlyDiffering; this.draw(); } },
    `differs from baseline ${table.differs.length}`);
  }

  headOf(table, name, place) {
    if (name === 'Course') {
      return h('th', { scope: 'col', class: 'course' }, h('span', { class: 'unseen' }, name));
    }
    const step = STEPS.includes(name) ? 'step' : '';
    const [by, sign] = this.order[table.title] ?? [];
    const sort = by === place ? (sign > 0 ? 'ascending' : 'descending') : null;
    return h('th', { scope: 'col', 'aria-sort': sort, class: `${place && table.right ? 'number' : ''} ${step}` },
      h('button', { type: 'button', onclick: () => {
        this.order[table.title] = [place, by === place ? -sign : 1];
        this.draw();
      } }, name, sort && icon(sign > 0 ? 'arrow_upward' : 'arrow_downward')));
  }

  sorted(table, rows) {
    const [place, sign] = this.order[table.title] ?? [];
    if (place == null) return rows;
    const key = (row) => valueOf(row[place]);
    return [...rows].sort((a, b) => (key(a) == null) - (key(b) == null)
      || sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  }

  cell(cell, place, head, isNarrowed) {
    if (head === 'Course') return h('td', { class: 'course' }, cell && course(cell.course));
    const { text = '', title } = parts(cell);
    const first = place === 0;
    const number = cell != null && typeof cell === 'object' && !first;
    return h(first ? 'th' : 'td', { scope: first ? 'row' : null, title,
      class: [number && 'number', head === 'Last' && 'strong', STEPS.includes(head) && 'step']
        .filter(Boolean).join(' ') },
    ...(isNarrowed && place < 2 ? this.hit(text) : cutText(text)));
  }

  /** The text with what was typed marked in it. */
  hit(text) {
    const start = text.toLowerCase().indexOf(this.typed);
    if (start < 0 || text.length > LONGEST) return cutText(text);
    const end = start + this.typed.length;
    return [text.slice(0, start), h('mark', {}, text.slice(start, end)), text.slice(end)];
  }
}

/** A text; of a very long one the beginning, and a button that shows the rest. */
function cutText(text) {
  if (text.length <= LONGEST) return [text];
  const rest = (text.length - LONGEST).toLocaleString('en');
  const more = h('button', { type: 'button', class: 'more', onclick: () =>
    more.replaceWith(text.slice(LONGEST)) }, `… ${rest} more`);
  return [text.slice(0, LONGEST), more];
}

export default mounting(Values);
