// The run list and the run table: one component, one code base, two sets of columns.
//
// data.rows is a tree in list order. A row: key, parent (place in the list, -1 at the top), name,
// note, title, cells, and where it stands for several runs: ids, count, group, own (the run it
// leads to). A cell is null, a text, or [text, value, small text, title]; see run_rows.py.
//
// What a person does is shown at once, and reported 250 ms later as one object. The server counts
// reports; what it says of the state is taken over unless a later report is on its way.

const HEIGHTS = { list: 26, table: 28, phone: 44 };
const REPORT_MS = 250;
const SEARCH_MS = 350;
const UNDO_MS = 10_000;
const SPARE_ROWS = 12;
const OPERATOR = /[=<>]|\b(LIKE|ILIKE|IN|IS|BETWEEN)\b/i;
const PHONE = '(max-width: 640px)';
const STATUS = {
  RUNNING: ['progress_activity', 'running'],
  FAILED: ['error', 'failed'],
  KILLED: ['stop_circle', 'stopped'],
  SCHEDULED: ['schedule', 'scheduled'],
};
const MENU = [
  ['open', 'arrow_outward', 'Open run', 'Enter'],
  ['only', 'center_focus_strong', 'Show only this', 'O'],
  ['eye', 'visibility', 'Show or hide', 'Space'],
  ['baseline', 'keep', 'Make baseline', 'B'],
  ['tick', 'check_box', 'Tick', 'X'],
  ['tag', 'sell', 'Add tag …', 'T'],
  ['copy', 'content_copy', 'Copy id', 'C'],
  ['delete', 'delete', 'Delete', 'Del'],
];
const KEYS = [
  ['↑ ↓', 'move'], ['← →', 'fold, unfold'], ['Space', 'show or hide in charts'],
  ['X', 'tick'], ['O', 'show only this'], ['B', 'baseline'], ['T', 'add a tag'],
  ['C', 'copy the id'], ['Enter', 'open'], ['Del', 'delete'], ['/', 'search'], ['Esc', 'close'],
];

const lists = new WeakMap();

export default function mount(component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  let list = lists.get(parentElement);
  if (!list) {
    list = new RunList(parentElement.querySelector('.root'));
    lists.set(parentElement, list);
  }
  list.report = (value) => setStateValue('report', value);
  list.tell = (value) => setTriggerValue('event', value);
  list.enter();
  list.update(data);
  return () => list.leave();
}

/** An element with attributes, listeners (on…) and children; texts are never markup. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

const icon = (name, extra = '') =>
  h('span', { class: `icon ${extra}`, 'aria-hidden': 'true' }, name);

const button = (act, name, title, ...text) =>
  h('button', { type: 'button', 'data-act': act, title, 'aria-label': text.length ? null : title,
    class: text.length ? 'with-text' : 'icon-only' }, name && icon(name), ...text);

const textOf = (cell) => (cell == null ? null : Array.isArray(cell) ? cell[0] : cell);
const valueOf = (cell) => (Array.isArray(cell) ? cell[1] : cell);

class RunList {
  constructor(root) {
    this.root = root;
    this.ticked = new Set();
    this.allTicked = false;
    this.gone = new Set();
    this.touched = {};
    this.sent = 0;
    this.hovered = new Set();
    this.focus = null;
    this.limits = { rows: 0, courses: 0 };
    this.head = h('div', { class: 'head' });
    this.header = h('div', { class: 'header', role: 'row' });
    this.body = h('div', { class: 'body', role: 'rowgroup' });
    this.grid = h('div', { class: 'grid', role: 'treegrid', tabindex: '0',
      'aria-multiselectable': 'true', 'aria-label': 'Runs' }, this.header, this.body);
    this.foot = h('div', { class: 'foot' });
    root.replaceChildren(this.head, this.grid, this.foot);
    this.buildHead();
    this.grid.addEventListener('scroll', () => { this.draw(); this.wantMore(); }, { passive: true });
    this.grid.addEventListener('keydown', (event) => this.key(event));
    this.grid.addEventListener('pointermove', (event) => this.point(event));
    this.grid.addEventListener('pointerleave', () => this.hover([]));
    this.grid.addEventListener('contextmenu', (event) => this.context(event));
    // Drawn anew between press and release, a row would miss its click.
    this.grid.addEventListener('focus', () => this.markFocus());
    this.grid.addEventListener('blur', () => this.markFocus());
    root.addEventListener('click', (event) => this.click(event));
    this.onHover = ({ detail }) => detail.from !== 'list' && this.lift(detail.ids);
    this.onVisible = ({ detail }) => detail.from !== 'list' && this.take(detail.ids);
    this.onKey = (event) => this.slash(event);
    this.resized = new ResizeObserver(() => this.draw());
  }

  enter() {
    window.addEventListener('tracker:hover', this.onHover);
    window.addEventListener('tracker:visible', this.onVisible);
    window.addEventListener('keydown', this.onKey);
    this.resized.observe(this.grid);
  }

  leave() {
    window.removeEventListener('tracker:hover', this.onHover);
    window.removeEventListener('tracker:visible', this.onVisible);
    window.removeEventListener('keydown', this.onKey);
    this.resized.disconnect();
    this.closeMenu();
    if (this.timer) this.sendReport();
  }

  // ---- what the server says -------------------------------------------------------------------

  update(data) {
    const first = !this.data;
    this.data = data;
    this.sent = Math.max(this.sent, first ? data.ack : 0);
    this.gone = new Set([...this.gone].filter((id) => data.rows.some((row) => row.key === id)));
    this.root.className = `root ${data.mode}`;
    this.root.style.setProperty('--height', data.height);
    const pending = this.timer || data.ack < this.sent;
    if (!pending) this.adopt(data.state);
    this.positions = pending && this.positions ? this.positions : { ...data.positions };
    this.buildTree();
    this.measure();
    this.drawHead();
    this.arrange();
    if (first) this.say('visible', [...this.shown]);
  }

  adopt(state) {
    this.state = { ...state };
    this.shown = new Set(state.shown);
    this.unfolded = new Set(state.unfolded);
    this.touched = {};
  }

  buildTree() {
    this.tops = [];
    this.byKey = new Map();
    this.data.rows.forEach((row) => { row.children = []; });
    for (const row of this.data.rows) {
      row.ids ??= [row.key];
      const parent = row.parent < 0 ? null : this.data.rows[row.parent];
      row.above = parent;
      row.level = parent ? parent.level + 1 : 1;
      row.owner = parent ? parent.owner : row.key;
      (parent ? parent.children : this.tops).push(row);
      this.byKey.set(row.key, row);
    }
    this.isFlat = this.tops.every((row) => !row.children.length);
    this.root.classList.toggle('flat', this.isFlat);
  }

  // ---- which rows, in which order -------------------------------------------------------------

  get complete() { return this.data.listed >= this.data.total; }

  arrange() {
    const typed = this.state.filter.trim().toLowerCase();
    const ahead = typed !== this.data.state.filter.trim().toLowerCase() && !OPERATOR.test(typed);
    const matches = (row) => row.title.toLowerCase().includes(typed)
      || row.children.some(matches);
    const kept = (rows) => rows.filter((row) =>
      !row.ids.every((id) => this.gone.has(id)) && (!ahead || matches(row)));
    const order = this.order();
    const list = [];
    const place = (rows) => {
      for (const row of order(kept(rows))) {
        list.push(row);
        if (row.children.length && this.unfolded.has(row.key)) place(row.children);
      }
    };
    place(this.tops);
    const pinned = list.findIndex((row) =>
      row.level === 1 && row.ids.includes(this.state.baseline));
    if (pinned > 0) {
      let end = pinned + 1;
      while (end < list.length && list[end].level > 1) end += 1;
      list.unshift(...list.splice(pinned, end - pinned));
    }
    this.list = list;
    if (!list.some((row) => row.key === this.focus)) this.focus = list[0]?.key ?? null;
    this.drawCount();
    this.draw();
    this.drawFoot();
  }

  order() {
    const place = this.data.columns.findIndex((column) => column.key === this.state.sort);
    if (place < 0 || !this.complete) return (rows) => rows;
    const sign = this.state.descending ? -1 : 1;
    const compare = (a, b) => {
      const [x, y] = [valueOf(a.cells[place]), valueOf(b.cells[place])];
      if (x == null || y == null) return (x == null) - (y == null);
      return sign * (x < y ? -1 : x > y ? 1 : 0);
    };
    return (rows) => [...rows].sort(compare);
  }

  // ---- drawing --------------------------------------------------------------------------------

  get rowHeight() {
    return matchMedia(PHONE).matches ? HEIGHTS.phone : HEIGHTS[this.data.mode];
  }

  /** Widths of the columns: as wide as their longest texts. */
  measure() {
    const pen = (RunList.canvas ??= document.createElement('canvas').getContext('2d'));
    pen.font = `${this.data.mode === 'table' ? '12.5px' : '13px'} "Source Sans", sans-serif`;
    const width = (text) => pen.measureText(text).width;
    const longest = (texts) => Math.max(0, ...texts.sort((a, b) => b.length - a.length)
      .slice(0, 6).map(width));
    this.widths = this.data.columns.map((column, place) => {
      const cells = this.data.rows.map((row) => row.cells[place]).filter((cell) => cell != null);
      if (column.kind === 'course') return 76;
      if (column.kind === 'tags') {
        const all = cells.map((tags) => tags.map((tag) => tag.join(' ')).join('      '));
        return Math.min(200, Math.max(60, longest(all) + 24));
      }
      const main = longest(cells.map((cell) => textOf(cell)));
      const small = longest(cells.filter((cell) => cell[2]).map((cell) => cell[2])) * 0.9;
      column.small = small ? Math.ceil(small) + 8 : 0;
      const body = Math.min(main, 180) + column.small;
      return Math.ceil(Math.max(body, Math.min(width(column.title) + 18, 150))) + 20;
    });
    const lead = (row) => width(row.name) + width(`${row.count ?? ''} ${row.note ?? ''}`) * 0.9
      + 18 * (row.level - 1);
    const names = this.data.rows.slice(0, 300).map(lead);
    this.lead = Math.ceil(Math.min(340, Math.max(160, ...names)) + 104);
    const columns = this.widths.map((w) => `${w}px`).join(' ');
    const template = this.data.mode === 'list'
      ? 'minmax(0, 1fr) max-content' : `${this.lead}px ${columns} minmax(0, 1fr)`;
    this.root.style.setProperty('--columns', template);
  }

  draw() {
    if (!this.list) return;
    const height = this.rowHeight;
    this.root.style.setProperty('--row', `${height}px`);
    this.grid.setAttribute('aria-rowcount', String(this.list.length + 1));
    const first = Math.max(0, Math.floor(this.grid.scrollTop / height) - SPARE_ROWS);
    const last = Math.min(this.list.length,
      Math.ceil((this.grid.scrollTop + this.grid.clientHeight) / height) + SPARE_ROWS);
    this.body.style.height = `${this.list.length * height}px`;
    this.body.replaceChildren(...this.list.slice(first, last)
      .map((row, offset) => this.drawRow(row, first + offset, height)));
    const active = this.list.findIndex((row) => row.key === this.focus);
    if (active >= first && active < last) {
      this.grid.setAttribute('aria-activedescendant', `row-${active}`);
    } else this.grid.removeAttribute('aria-activedescendant');
  }

  get hasFocus() { return this.root.getRootNode().activeElement === this.grid; }

  markFocus() {
    for (const element of this.body.children) {
      element.classList.toggle('focused', this.hasFocus && element.dataset.key === this.focus);
    }
  }

  drawRow(row, place, height) {
    const shown = row.ids.filter((id) => this.shown.has(id)).length;
    const ticked = this.isTicked(row);
    const focused = this.focus === row.key && this.hasFocus;
    const flags = {
      top: row.level === 1, focused, hidden: !shown,
      open: row.key === this.state.run || (row.own && row.own === this.state.run),
      baseline: row.ids.includes(this.state.baseline), ticked: ticked === 'all',
      lifted: row.ids.some((id) => this.hovered.has(id)),
    };
    const names = Object.keys(flags).filter((name) => flags[name]);
    const element = h('div', {
      class: `row ${names.join(' ')}`, role: 'row', id: `row-${place}`, 'data-key': row.key,
      'aria-level': row.level, 'aria-rowindex': place + 2,
      'aria-selected': String(ticked === 'all'),
      'aria-expanded': row.children.length ? String(this.unfolded.has(row.key)) : null,
    }, this.drawLead(row, shown, ticked));
    element.style.transform = `translateY(${place * height}px)`;
    this.data.columns.forEach((column, index) =>
      element.append(this.drawCell(column, row.cells[index], row)));
    if (this.data.mode === 'list') element.lastChild.append(this.drawStatus(row));
    return element;
  }

  drawLead(row, shown, ticked) {
    const color = this.colorOf(row);
    const state = !shown ? 'none' : shown < row.ids.length ? 'some' : 'all';
    const several = row.ids.length > 1;
    const dot = h('span', { class: `dot ${row.group ? 'square' : ''} ${state}`, 'data-act': 'eye',
      title: state === 'all' ? 'Hide from charts' : 'Show in charts' }, h('i'));
    dot.style.setProperty('--color', color);
    const count = several && state === 'some' ? `${shown} of ${row.ids.length} shown` : row.count;
    const lead = h('span', { class: 'lead', role: 'gridcell' },
      h('span', { class: `tick ${ticked}`, 'data-act': 'tick', title: 'Tick' },
        icon(ticked === 'all' ? 'check' : ticked === 'some' ? 'remove' : '')),
      h('span', { class: 'fold', 'data-act': 'fold' }, row.children.length
        ? icon(this.unfolded.has(row.key) ? 'arrow_drop_down' : 'arrow_right') : ''),
      dot,
      h('span', { class: 'name', 'data-act': 'open', title: row.title }, ...middle(row.name)),
      count && h('span', { class: 'count' }, count),
      row.note && h('span', { class: 'note' }, row.note),
      row.ids.includes(this.state.baseline) && row.level === 1
        && (this.data.mode === 'list' ? icon('keep', 'pin')
          : h('span', { class: 'chip accent' }, 'baseline')));
    lead.style.setProperty('--level', row.level - 1);
    if (this.data.mode === 'table') {
      lead.append(this.drawStatus(row),
        h('span', { class: 'more', 'data-act': 'menu', title: 'What to do with it' },
          icon('more_horiz')));
    }
    return lead;
  }

  drawStatus(row) {
    const [name, word] = STATUS[row.status] ?? [];
    return name ? h('span', { class: `status ${word}`, role: 'img', title: word,
      'aria-label': word }, icon(name)) : h('span', { class: 'status' });
  }

  drawCell(column, cell, row) {
    const metric = column.key.startsWith('metrics.') ? 'metric' : '';
    const element = h('span', { class: `cell ${column.kind} ${metric}`, role: 'gridcell' });
    if (cell == null) {
      if (column.kind !== 'course' && column.kind !== 'tags') element.append('–');
      element.classList.add('missing');
      return element;
    }
    if (column.kind === 'course') element.append(course(cell));
    else if (column.kind === 'tags') {
      element.title = cell.map((tag) => tag.join(' ')).join('\n');
      element.append(...cell.map(([key, value]) =>
        h('span', { class: 'chip' }, h('b', {}, key), value ? ` ${value}` : '')));
    } else {
      const best = column.best != null && row.level === 1 && valueOf(cell) === column.best;
      if (cell[3] && Array.isArray(cell)) element.title = cell[3];
      else element.title = textOf(cell);
      element.append(h('span', { class: best ? 'value best' : 'value' }, textOf(cell)));
      if (column.small) {
        const small = h('small', {}, Array.isArray(cell) ? cell[2] ?? '' : '');
        small.style.width = `${column.small}px`;
        element.append(small);
      }
    }
    return element;
  }

  colorOf(row) {
    const position = this.positions[row.owner];
    return position == null ? 'var(--text-3)'
      : this.data.palette[position % this.data.palette.length];
  }

  /** Give newly shown owners the first free position, and take back those of hidden ones. */
  place() {
    const owners = new Set(this.data.rows.filter((row) => row.ids.some((id) => this.shown.has(id)))
      .map((row) => row.owner));
    for (const owner of Object.keys(this.positions)) {
      if (!owners.has(owner) && this.byKey.has(owner)) delete this.positions[owner];
    }
    const taken = new Set(Object.values(this.positions));
    for (const owner of owners) {
      if (this.positions[owner] == null) {
        let free = 0;
        while (taken.has(free)) free += 1;
        this.positions[owner] = free;
        taken.add(free);
      }
    }
  }

  // ---- head and foot --------------------------------------------------------------------------

  buildHead() {
    this.search = h('input', { type: 'text', spellcheck: 'false', autocomplete: 'off',
      'aria-label': 'Filter', placeholder: 'Name or metrics.acc > 0.9',
      oninput: () => this.type(), onkeydown: (event) => {
        if (event.key === 'Enter') this.sendReport();
        if (event.key === 'Escape') { this.search.value = ''; this.type(); }
        if (event.key === 'ArrowDown') this.grid.focus();
        event.stopPropagation();
      } });
    this.problem = h('div', { class: 'problem', role: 'alert' });
    this.group = h('select', { 'aria-label': 'Group by', title: 'Group by',
      onchange: () => this.set({ group: this.group.value }) });
    this.sort = h('select', { 'aria-label': 'Sort by', title: 'Sort by',
      onchange: () => this.set({ sort: this.sort.value, descending: null }) });
    this.direction = button('direction', 'arrow_downward', 'Turn the order round');
    this.pills = h('div', { class: 'pills', role: 'group', 'aria-label': 'Status' });
    this.count = h('div', { class: 'count-line' });
    this.columnsButton = button('columns', 'view_column', 'Columns', 'Columns');
    this.head.append(
      h('label', { class: 'search' }, icon('search'), this.search,
        button('clear-search', 'close', 'Clear')), this.problem,
      h('div', { class: 'selects' }, h('label', { class: 'select' }, icon('account_tree'),
        this.group, icon('expand_more')), this.pills, h('label', { class: 'select sort' }, this.sort),
        this.direction),
      this.count, this.columnsButton);
  }

  drawHead() {
    const { data, state } = this;
    if (this.root.getRootNode().activeElement !== this.search) this.search.value = state.filter;
    this.fill(this.group, data.groupings, state.group);
    this.fill(this.sort, data.sorts, state.sort);
    this.direction.firstChild.textContent = state.descending ? 'arrow_downward' : 'arrow_upward';
    this.search.toggleAttribute('aria-invalid', Boolean(data.problem));
    this.problem.replaceChildren();
    if (data.problem) {
      this.problem.append(data.problem.sentence, ...(data.problem.correction ? [' Did you mean ',
        button('correct', '', data.problem.correction, data.problem.word), '?'] : []));
    }
    if (data.mode !== 'table') return;
    this.pills.replaceChildren(...data.statuses.map(([status, count]) =>
      h('button', { type: 'button', class: 'pill', 'data-act': 'status', 'data-status': status,
        'aria-pressed': String(state.statuses.includes(status)) },
      `${status[0]}${status.slice(1).toLowerCase()}`, h('span', {}, count.toLocaleString('en')))));
    this.drawHeader();
  }

  fill(select, options, chosen) {
    const texts = JSON.stringify([options, chosen]);
    if (select.dataset.texts === texts) return;
    select.dataset.texts = texts;
    const known = options.some(([key]) => key === chosen) ? options
      : [...options, [chosen, chosen.replace(/^(metrics|params|tags)\./, '')]];
    select.replaceChildren(...known.map(([key, text]) =>
      h('option', { value: key, selected: key === chosen }, text)));
    select.value = chosen;
  }

  drawHeader() {
    const { sort, descending } = this.state;
    const all = this.allTicked ? 'all' : this.ticked.size ? 'some' : '';
    const cells = this.data.columns.map((column) => {
      const sorted = column.key === sort;
      const arrow = sorted && icon(descending ? 'arrow_downward' : 'arrow_upward');
      return h('span', { class: `cell ${column.kind}`, role: 'columnheader',
        'aria-sort': sorted ? (descending ? 'descending' : 'ascending') : null },
      column.sortable
        ? h('button', { type: 'button', 'data-act': 'sort', 'data-sort': column.key,
          title: column.title, class: sorted ? 'sorted' : '' }, arrow, h('span', {}, column.title))
        : h('span', { class: 'title', title: column.title }, column.title));
    });
    this.header.replaceChildren(h('span', { class: 'lead', role: 'columnheader' },
      h('button', { type: 'button', class: `tick ${all}`, 'data-act': 'tick-all',
        'aria-label': 'Tick all that match', title: 'Tick all that match' },
      icon(all === 'all' ? 'check' : all ? 'remove' : '')), h('span', { class: 'title' }, 'Run')),
    ...cells);
  }

  drawCount() {
    const { data } = this;
    const groups = this.tops.filter((row) => row.group || row.children.length).length;
    const filtered = this.state.filter.trim() || this.state.statuses.length;
    const of = filtered ? `${data.total.toLocaleString('en')} of ` : '';
    const noun = data.unfiltered === 1 ? 'run' : 'runs';
    const deleted = this.state.deleted ? 'deleted ' : '';
    const parts = [groups && `${this.tops.length} rows`,
      `${of}${data.unfiltered.toLocaleString('en')} ${deleted}${noun}`,
      `${this.shown.size} shown`,
      !this.complete && `first ${data.listed.toLocaleString('en')} listed`];
    this.count.replaceChildren(h('span', {}, parts.filter(Boolean).join(' · ')), h('span', {},
      ...(filtered && !data.problem ? [
        button('tick-all', '', 'Tick all that match', `Tick all ${data.total.toLocaleString('en')}`),
        button('show-these', '', 'Show only these in the charts', 'Show only these')] : [
        data.mode === 'list' && button('all', 'visibility', 'Show all, or none', 'all'),
        !this.isFlat && button('fold-all', this.unfolded.size ? 'unfold_less' : 'unfold_more',
          'Fold or unfold all', this.unfolded.size ? 'fold' : 'unfold')].filter(Boolean))));
  }

  drawFoot() {
    const { data } = this;
    const chosen = this.allTicked ? data.total : this.ticked.size;
    this.root.classList.toggle('acting', chosen > 0 || Boolean(this.undoing));
    if (!chosen) {
      this.foot.className = 'foot';
      this.foot.replaceChildren(this.undoing ? h('div', { class: 'undo', role: 'status' },
        h('span', {}, `${this.undoing.toLocaleString('en')} deleted`),
        button('undo', '', 'Undo', 'Undo')) : data.mode === 'list'
        ? h('div', { class: 'hint' }, h('span', {}, '↑↓ move · space shows · x ticks'),
          button('keys', '', 'All keys', '? all keys')) : this.equalNote());
      return;
    }
    const text = data.mode === 'table' || matchMedia(PHONE).matches;
    const said = (name) => (text ? [name] : []);
    const number = chosen.toLocaleString('en');
    const beyond = this.allTicked && !this.complete;
    this.foot.className = 'foot bar';
    this.foot.replaceChildren(...[h('strong', {}, this.allTicked
      ? `All ${number} that match are ticked` : `${number} ticked`),
    beyond && button('tick-listed', '', 'Tick only these', `Only the ${data.listed} listed`),
    h('span', { class: 'space' }), this.tagField,
    button('bulk-show', 'visibility', 'Show in charts', ...said('Show in charts')),
    button('bulk-tag', 'sell', 'Add tag', ...said('Add tag')),
    button('bulk-compare', 'compare_arrows', 'Compare', ...said('Compare')),
    this.state.deleted ? button('bulk-restore', 'restore_from_trash', 'Restore', ...said('Restore'))
      : button('bulk-delete', 'delete', `Delete ${number}`, ...said(`Delete ${number}`)),
    button('clear', 'close', 'Clear')].filter(Boolean));
    this.foot.querySelector('[data-act=bulk-delete]')?.classList.add('danger');
  }

  equalNote() {
    const { equal } = this.data;
    const deleted = h('label', { class: 'deleted' }, h('input', { type: 'checkbox',
      checked: this.state.deleted, onchange: (event) =>
        this.set({ deleted: event.target.checked }) }), 'Deleted runs');
    if (!equal.length) return h('div', { class: 'note-line' }, h('span'), deleted);
    const said = `Columns that differ come first; ${equal.length} equal parameters are folded`;
    return h('div', { class: 'note-line' }, h('details', {}, h('summary', {}, said),
      h('div', { class: 'equal' }, ...equal.map(([key, value]) =>
        h('span', {}, h('b', {}, key), ` ${value}`)))), deleted);
  }

  // ---- what a person does ---------------------------------------------------------------------

  click(event) {
    const target = event.target.closest('[data-act]');
    const row = this.byKey?.get(event.target.closest('.row')?.dataset.key);
    if (!target?.closest('.menu')) this.closeMenu();
    if (!target) {
      if (row) { this.focus = row.key; this.draw(); }
      return;
    }
    const { act } = target.dataset;
    if (row) this.focus = row.key;
    if (act === 'eye') this.eye(row, event);
    else if (act === 'tick') this.tick(row, event.shiftKey);
    else if (act === 'menu') this.openMenu(row, event.clientX, event.clientY);
    else if (act === 'fold' && row) this.fold(row);
    else if (act === 'open' && row) this.open(row);
    else this.press(act, target);
  }

  press(act, target) {
    const { state, data } = this;
    const acts = {
      'clear-search': () => { this.search.value = ''; this.type(); },
      correct: () => { this.search.value = data.problem.correction; this.type(); },
      direction: () => this.set({ descending: !state.descending }),
      sort: () => this.set({ sort: target.dataset.sort, descending:
        state.sort === target.dataset.sort ? !state.descending : null }),
      status: () => this.set({ statuses: toggled(state.statuses, target.dataset.status) }),
      all: () => this.take(this.tops.every((row) => row.ids.every((id) => this.shown.has(id)))
        ? [] : this.tops.flatMap((row) => row.ids)),
      'show-these': () => this.take(this.tops.flatMap((row) => row.ids)),
      'fold-all': () => this.foldAll(),
      'tick-all': () => this.tickAll(!this.allTicked),
      'tick-listed': () => this.tickAll(false, this.tops.flatMap((row) => row.ids)),
      clear: () => this.tickAll(false),
      keys: () => this.showKeys(),
      columns: () => this.chooseColumns(target),
      undo: () => { this.undoing = 0; this.gone.clear(); this.tell({ do: 'undo' }); this.arrange(); },
      'bulk-show': () => this.act('show'),
      'bulk-compare': () => this.act('compare'),
      'bulk-restore': () => this.act('restore'),
      'bulk-delete': () => this.remove(),
      'bulk-tag': () => this.askTag(),
    };
    acts[act]?.();
  }

  set(changes) {
    Object.assign(this.state, changes);
    Object.keys(changes).forEach((name) => { this.touched[name] = true; });
    if (this.state.descending == null) {
      const column = this.data.columns.find((one) => one.key === this.state.sort);
      this.state.descending = column ? descends(column, this.data.rows, this.data.columns) : null;
    }
    this.drawHead();
    this.arrange();
    this.sendReport();
  }

  type() {
    this.state.filter = this.search.value;
    this.touched.filter = true;
    this.tickAll(false);
    this.grid.scrollTop = 0;
    this.arrange();
    this.sendReport(SEARCH_MS);
  }

  eye(row, event) {
    if (event.altKey) return this.take(row.ids);
    let ids = row.ids;
    if (event.shiftKey && this.lastEye) {
      const places = [this.lastEye, row.key].map((key) =>
        this.list.findIndex((one) => one.key === key)).sort((a, b) => a - b);
      ids = this.list.slice(places[0], places[1] + 1).flatMap((one) => one.ids);
    }
    const hide = ids.every((id) => this.shown.has(id));
    ids.forEach((id) => (hide ? this.shown.delete(id) : this.shown.add(id)));
    this.lastEye = row.key;
    return this.take([...this.shown]);
  }

  /** Show these runs and no others. */
  take(ids) {
    this.shown = new Set(ids);
    this.state.automatic = false;
    this.touched.shown = true;
    this.place();
    this.say('visible', [...this.shown]);
    this.drawCount();
    this.draw();
    this.sendReport(REPORT_MS);
  }

  isTicked(row) {
    if (this.allTicked) return 'all';
    const count = row.ids.filter((id) => this.ticked.has(id)).length;
    return count === row.ids.length ? 'all' : count ? 'some' : '';
  }

  tick(row, range = false) {
    if (this.allTicked) {
      this.allTicked = false;
      this.tops.flatMap((one) => one.ids).forEach((id) => this.ticked.add(id));
    }
    const untick = this.isTicked(row) === 'all';
    let rows = [row];
    if (range && this.lastTick) {
      const places = [this.lastTick, row.key].map((key) =>
        this.list.findIndex((one) => one.key === key)).sort((a, b) => a - b);
      rows = this.list.slice(places[0], places[1] + 1);
    }
    rows.flatMap((one) => one.ids).forEach((id) =>
      (untick ? this.ticked.delete(id) : this.ticked.add(id)));
    this.lastTick = row.key;
    this.drawTicks();
  }

  tickAll(all, ids = []) {
    this.allTicked = all;
    this.ticked = new Set(ids);
    this.tagField = null;
    this.drawTicks();
  }

  drawTicks() {
    if (this.data.mode === 'table') this.drawHeader();
    this.draw();
    this.drawFoot();
  }

  fold(row) {
    if (!row.children.length) return;
    if (!this.unfolded.delete(row.key)) this.unfolded.add(row.key);
    this.touched.unfolded = true;
    this.arrange();
    this.sendReport(REPORT_MS);
  }

  foldAll() {
    const groups = this.data.rows.filter((row) => row.children.length).map((row) => row.key);
    this.unfolded = new Set(this.unfolded.size ? [] : groups);
    this.touched.unfolded = true;
    this.arrange();
    this.sendReport(REPORT_MS);
  }

  open(row) {
    const run = row.group ? row.own : row.key;
    if (run) this.tell({ do: 'open', ids: [run] });
    else this.fold(row);
  }

  baseline(row) {
    const id = row.ids[0];
    this.set({ baseline: row.ids.includes(this.state.baseline) ? '' : id });
  }

  act(what, extra = {}) {
    this.tell({ do: what, ids: this.allTicked ? [] : [...this.ticked], all: this.allTicked, ...extra });
    this.tickAll(false);
  }

  remove(row = null) {
    const ids = row ? row.ids : [...this.ticked];
    const all = !row && this.allTicked;
    this.undoing = all ? this.data.total : ids.length;
    (all ? this.tops.flatMap((one) => one.ids) : ids).forEach((id) => {
      this.gone.add(id);
      this.shown.delete(id);
    });
    this.say('visible', [...this.shown]);
    this.tell({ do: 'delete', ids: all ? [] : ids, all });
    clearTimeout(this.undoTimer);
    this.undoTimer = setTimeout(() => { this.undoing = 0; this.drawFoot(); }, UNDO_MS);
    this.ticked.clear();
    this.allTicked = false;
    this.arrange();
    if (this.data.mode === 'table') this.drawHeader();
  }

  askTag() {
    this.tagField = h('input', { type: 'text', class: 'tag-field', 'aria-label': 'Tag: key value',
      placeholder: 'key value', onkeydown: (event) => {
        event.stopPropagation();
        if (event.key === 'Escape') { this.tagField = null; this.drawFoot(); }
        if (event.key !== 'Enter' || !this.tagField.value.trim()) return;
        const [key, ...rest] = this.tagField.value.trim().split(/\s+/);
        this.act('tag', { key, value: rest.join(' ') });
      } });
    this.drawFoot();
    this.tagField.focus();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.grid) return;
    const place = this.list.findIndex((row) => row.key === this.focus);
    const row = this.list[place];
    const page = Math.max(1, Math.floor(this.grid.clientHeight / this.rowHeight) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    const acts = {
      ArrowRight: () => (row.children.length && !this.unfolded.has(row.key)
        ? this.fold(row) : row.children.length && this.move(1)),
      ArrowLeft: () => (this.unfolded.has(row.key) && row.children.length ? this.fold(row)
        : row.above && this.go(row.above.key)),
      ' ': () => this.eye(row, event), x: () => this.tick(row, event.shiftKey),
      o: () => this.take(row.ids), b: () => this.baseline(row), Enter: () => this.open(row),
      c: () => navigator.clipboard?.writeText(row.own || row.ids[0]),
      t: () => { if (!this.ticked.size) this.tick(row); this.askTag(); },
      Delete: () => (this.ticked.size || this.allTicked ? this.remove() : this.remove(row)),
      '?': () => this.showKeys(), Escape: () => { this.closeMenu(); this.tickAll(false); },
      ContextMenu: () => this.menuByKey(row), F10: () => event.shiftKey && this.menuByKey(row),
    };
    const act = event.key in moves ? () => this.move(moves[event.key])
      : acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || (!row && event.key !== 'Escape')) return;
    event.preventDefault();
    act();
  }

  move(by) {
    const place = this.list.findIndex((row) => row.key === this.focus);
    const next = Math.min(this.list.length - 1, Math.max(0, place + by));
    this.go(this.list[next].key);
  }

  go(key) {
    this.focus = key;
    const height = this.rowHeight;
    const top = this.list.findIndex((row) => row.key === key) * height;
    const header = this.data.mode === 'table' ? HEIGHTS.table : 0;
    const room = this.grid.clientHeight - header;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + height > this.grid.scrollTop + room) this.grid.scrollTop = top + height - room;
    this.hover(this.byKey.get(key).ids);
    this.draw();
  }

  slash(event) {
    const active = event.composedPath()[0];
    if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName)
      || active.isContentEditable) return;
    event.preventDefault();
    this.search.focus();
  }

  // ---- pointer, menu, overlays ----------------------------------------------------------------

  point(event) {
    const key = event.target.closest('.row')?.dataset.key;
    this.hover(key ? this.byKey.get(key)?.ids ?? [] : []);
  }

  hover(ids) {
    if (this.said === ids || (!ids.length && !this.said?.length)) return;
    this.said = ids;
    this.say('hover', ids);
  }

  lift(ids) {
    this.hovered = new Set(ids);
    for (const element of this.body.children) {
      const row = this.byKey.get(element.dataset.key);
      element.classList.toggle('lifted', row.ids.some((id) => this.hovered.has(id)));
    }
  }

  say(what, ids) {
    window.dispatchEvent(new CustomEvent(`tracker:${what}`, { detail: { ids, from: 'list' } }));
  }

  context(event) {
    const row = this.byKey.get(event.target.closest('.row')?.dataset.key);
    if (!row) return;
    event.preventDefault();
    this.focus = row.key;
    this.openMenu(row, event.clientX, event.clientY);
  }

  menuByKey(row) {
    const box = this.body.querySelector('.row.focused')?.getBoundingClientRect();
    if (box) this.openMenu(row, box.left + 60, box.bottom);
  }

  openMenu(row, x, y) {
    this.closeMenu();
    const acts = {
      open: () => this.open(row), only: () => this.take(row.ids), eye: () => this.eye(row, {}),
      baseline: () => this.baseline(row), tick: () => this.tick(row),
      tag: () => { if (!this.ticked.size) this.tick(row); this.askTag(); },
      copy: () => navigator.clipboard?.writeText(row.own || row.ids[0]),
      delete: () => this.remove(row),
    };
    const items = MENU.filter(([act]) => act !== 'delete' || !this.state.deleted)
      .map(([act, name, text, key]) => h('button', { type: 'button', role: 'menuitem',
        class: act === 'delete' ? 'danger' : '',
        onclick: (event) => { event.stopPropagation(); this.closeMenu(); acts[act](); } },
      icon(name), h('span', {}, text), h('kbd', {}, key)));
    this.popUp(h('div', { class: 'menu', role: 'menu', 'aria-label': row.title }, ...items), x, y);
    items[0].focus();
  }

  popUp(element, x, y) {
    this.menu = element;
    element.addEventListener('keydown', (event) => {
      const items = [...element.querySelectorAll('button, input')];
      const place = items.indexOf(this.root.getRootNode().activeElement);
      if (event.key === 'Escape' || event.key === 'Tab') { this.closeMenu(); this.grid.focus(); }
      else if (event.key === 'ArrowDown') items[(place + 1) % items.length].focus();
      else if (event.key === 'ArrowUp') items.at(place - 1).focus();
      else return;
      event.preventDefault();
    });
    this.root.append(element);
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 8))}px`;
    element.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 8))}px`;
  }

  closeMenu() {
    this.menu?.remove();
    this.menu = null;
  }

  showKeys() {
    const lines = KEYS.flatMap(([key, text]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, text)]);
    const box = this.grid.getBoundingClientRect();
    this.closeMenu();
    this.popUp(h('div', { class: 'menu keys', role: 'dialog', 'aria-label': 'Keys', tabindex: '-1' },
      h('dl', {}, ...lines)), box.left + 12, box.bottom - 330);
    this.menu.focus();
  }

  chooseColumns(target) {
    if (this.menu) return this.closeMenu();
    const chosen = new Set(this.state.columns.length ? this.state.columns
      : this.data.columns.map((column) => column.key));
    const box = target.getBoundingClientRect();
    const find = h('input', { type: 'text', placeholder: 'Find', 'aria-label': 'Find a column',
      oninput: () => labels.forEach((label) => {
        label.hidden = !label.textContent.toLowerCase().includes(find.value.toLowerCase());
      }) });
    const labels = this.data.known.map((name) => h('label', {}, h('input', { type: 'checkbox',
      checked: chosen.has(name), onchange: (event) => {
        if (event.target.checked) chosen.add(name);
        else chosen.delete(name);
        this.set({ columns: this.data.known.filter((one) => chosen.has(one)) });
      } }), name));
    const automatic = h('button', { type: 'button',
      onclick: () => { this.closeMenu(); this.set({ columns: [] }); } }, 'Those that differ');
    this.popUp(h('div', { class: 'menu columns', role: 'dialog', 'aria-label': 'Columns' },
      find, h('div', { class: 'choices' }, ...labels), automatic), box.right - 280, box.bottom + 4);
    return find.focus();
  }

  // ---- reports --------------------------------------------------------------------------------

  wantMore() {
    const end = Math.ceil((this.grid.scrollTop + this.grid.clientHeight) / this.rowHeight);
    const courses = this.data.mode === 'table' ? 60 * Math.ceil(end / 60) : 0;
    const rows = !this.complete && end >= this.list.length ? this.data.listed + 500 : 0;
    if (courses <= this.limits.courses && rows <= this.limits.rows) return;
    this.limits = { rows: Math.max(rows, this.limits.rows),
      courses: Math.max(courses, this.limits.courses) };
    if (end > 60 || rows) this.sendReport(REPORT_MS);
  }

  sendReport(delay = 0) {
    clearTimeout(this.timer);
    const send = () => {
      this.timer = null;
      this.sent += 1;
      const value = { n: this.sent, ...this.limits };
      for (const name of Object.keys(this.touched)) {
        value[name] = name === 'shown' ? [...this.shown]
          : name === 'unfolded' ? [...this.unfolded] : this.state[name];
      }
      this.report(value);
    };
    if (delay) this.timer = setTimeout(send, delay);
    else send();
  }
}

const toggled = (list, item) =>
  (list.includes(item) ? list.filter((one) => one !== item) : [...list, item]);

/** Whether a column begins with its greatest: unless small is better, or it is of texts. */
function descends(column, rows, columns) {
  const place = columns.indexOf(column);
  const values = rows.map((row) => valueOf(row.cells[place])).filter((value) => value != null);
  if (column.kind === 'text') return false;
  return column.best == null || column.best !== Math.min(...values);
}

/** A name whose middle gives way where there is no room. */
function middle(name) {
  if (name.length <= 18 || name.startsWith('…')) return [h('span', { class: 'start' }, name)];
  const end = name.slice(-10);
  return [h('span', { class: 'start' }, name.slice(0, -10)), h('span', { class: 'end' }, end)];
}

/** A line of heights in [0, 100], drawn small. */
function course(heights) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 58 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(ns, 'path');
  const points = heights.map((height, place) =>
    `${(1 + (56 * place) / (heights.length - 1)).toFixed(1)} ${(14.5 - 0.13 * height).toFixed(1)}`);
  path.setAttribute('d', `M${points.join('L')}`);
  svg.append(path);
  return svg;
}
