// Which rows there are, in which order, and how they are drawn: only those in view.

const HEIGHTS = { list: 26, table: 28, phone: 44 };
const SPARE_ROWS = 12;
const OPERATOR = /[=<>]|\b(LIKE|ILIKE|IN|IS|BETWEEN)\b/i;
const PHONE = '(max-width: 640px)';

class Rows {
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

  get rowHeight() {
    return matchMedia(PHONE).matches ? HEIGHTS.phone : HEIGHTS[this.data.mode] ?? HEIGHTS.table;
  }

  /** Widths of the columns: as wide as their longest texts. */
  measure() {
    const pen = (RunList.canvas ??= document.createElement('canvas').getContext('2d'));
    const isPhone = matchMedia(PHONE).matches;
    const size = isPhone ? 14 : this.data.mode === 'list' ? 13 : 12.5;
    pen.font = `${size}px "Source Sans", sans-serif`;
    const width = (text) => pen.measureText(text).width;
    const longest = (texts) => Math.max(0, ...texts.sort((a, b) => b.length - a.length)
      .slice(0, 6).map(width));
    this.widths = this.data.columns.map((column, place) => {
      const cells = this.data.rows.map((row) => row.cells[place]).filter((cell) => cell != null);
      if (column.kind === 'course') return Math.max(76, Math.min(130, width(column.title) + 18));
      if (column.kind === 'tags') {
        const all = cells.map((tags) => tags.map((tag) => tag.join(' ')).join('      '));
        return Math.min(200, Math.max(60, longest(all) + 24));
      }
      const all = cells.map(parts);
      const room = (name) => longest(all.map((cell) => cell[name]).filter(Boolean)) * 0.9;
      column.small = room('small') ? Math.ceil(room('small')) + 8 : 0;
      column.delta = room('delta') ? Math.ceil(room('delta')) + 12 : 0;
      column.bar = all.some((cell) => cell.bar != null) ? 42 : 0;
      const main = Math.min(longest(all.map((cell) => cell.text ?? '')), 180);
      const figures = this.data.rows.filter((row) => !row.texts).map((row) => parts(row.cells[place]));
      column.main = column.note ? Math.ceil(longest(figures.map((cell) => cell.text ?? ''))) : 0;
      const body = main + column.small + column.delta + column.bar;
      const titled = Math.max(width(column.title) + 18, width(column.note ?? '') * 0.9);
      return Math.max(Math.ceil(Math.max(body, Math.min(titled, 150))) + 20, column.width ?? 0);
    });
    const lead = (row) => width(row.name) + width(row.section ? '' : `${row.count ?? ''} ${row.note ?? ''}`) * 0.9
      + 18 * (row.level - 1);
    const names = [width(this.data.lead ?? ''), ...this.data.rows.slice(0, 300).map(lead)];
    const room = this.data.mode === 'grid' ? (isPhone ? 100 : 44) : (isPhone ? 190 : 104);
    const [least, most] = isPhone ? [90, 130] : [this.data.mode === 'grid' ? 96 : 160, 340];
    this.lead = Math.ceil(Math.min(most, Math.max(least, ...names)) + room);
    const columns = this.widths.map((w) => `${w}px`).join(' ');
    const template = this.data.mode === 'list'
      ? 'minmax(0, 1fr) max-content' : `${this.lead}px ${columns} minmax(0, 1fr)`;
    this.root.style.setProperty('--columns', template);
  }

  draw() {
    this.isStale = this.isPressed;
    if (!this.list || this.isPressed) return;
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
      top: row.level === 1, focused, hidden: !shown, section: row.section,
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
    const state = row.color ? 'all' : !shown ? 'none' : shown < row.ids.length ? 'some' : 'all';
    const several = row.ids.length > 1;
    const dot = h('span', { class: `dot ${row.group ? 'square' : ''} ${state}`, 'data-act': 'eye',
      title: state === 'all' ? 'Hide from charts' : 'Show in charts' }, h('i'));
    dot.style.setProperty('--color', color);
    const part = `${shown} of ${row.ids.length}${this.data.mode === 'list' ? '' : ' shown'}`;
    const whole = this.data.mode === 'list' ? row.count?.replace(/ runs?$/, '') : row.count;
    const count = several && state === 'some' ? part : whole;
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
    if (this.data.mode !== 'list') {
      lead.append(this.drawStatus(row));
    }
    if (this.data.actions) {
      lead.append(...this.data.actions.map(([act, name, title]) =>
        h('span', { class: 'more', 'data-act': 'row', 'data-row': act, title }, icon(name))));
    } else if (this.data.mode === 'table') {
      lead.append(h('span', { class: 'more', 'data-act': 'menu', title: 'What to do with it' },
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
    const tinted = column.tinted ? 'tinted' : '';
    const entry = column.note ? `entry ${row.texts ? 'texts' : ''}` : '';
    const element = h('span', { class: `cell ${column.kind} ${metric} ${tinted} ${entry}`,
      role: 'gridcell' });
    if (row.section) return element;
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
      const { text, value, small, title, emphasis, delta, verdict, bar } = parts(cell);
      const isBest = column.best != null && row.level === 1 && value === column.best;
      element.title = title ?? text;
      if (column.bar) element.append(drawBar(bar));
      const main = h('span', { class: `value ${isBest ? 'best' : emphasis ?? ''}` }, text);
      if (column.main && !row.texts) main.style.minWidth = `${column.main}px`;
      element.append(main);
      if (row.texts) return element;
      for (const [part, content] of [['small', small], ['delta', delta]]) {
        if (!column[part]) continue;
        const side = h('small', { class: `${part} ${part === 'delta' ? verdict : ''}` }, content ?? '');
        side.style.width = `${column[part]}px`;
        element.append(side);
      }
    }
    return element;
  }

  colorOf(row) {
    if (row.color) return row.color;
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
}
