// What a person does with pointer and keyboard.

const SEARCH_MS = 350;
const UNDO_MS = 10_000;
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

class Acts extends Head {
  click(event) {
    const target = event.target.closest('[data-act]');
    const row = this.byKey?.get(event.target.closest('.row')?.dataset.key);
    if (!event.composedPath().includes(this.menu)) this.closeMenu();
    if (event.target.closest('.menu')) return;
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
    else if (act === 'row' && row) this.tell({ do: target.dataset.row, ids: [row.key] });
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
      this.state.descending = column ? column.descends : null;
    }
    this.drawHead();
    this.arrange();
    if (this.data.mode !== 'grid') this.sendReport();
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
    tellRuns('list', 'visible', [...this.shown]);
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
    if (this.data.mode !== 'grid') this.sendReport(REPORT_MS);
  }

  foldAll() {
    const groups = this.data.rows.filter((row) => row.children.length).map((row) => row.key);
    this.unfolded = new Set(this.unfolded.size ? [] : groups);
    this.touched.unfolded = true;
    this.arrange();
    if (this.data.mode !== 'grid') this.sendReport(REPORT_MS);
  }

  open(row) {
    const run = row.group || this.data.mode === 'grid' ? row.own : row.key;
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
    tellRuns('list', 'visible', [...this.shown]);
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
    const kept = ['ArrowRight', 'ArrowLeft', 'Enter', 'Escape'];
    if (this.data.mode === 'grid' && !(event.key in moves) && !kept.includes(event.key)) return;
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
    if (this.data.mode === 'grid') return;
    const active = event.composedPath()[0];
    if (event.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName)
      || active.isContentEditable) return;
    event.preventDefault();
    this.search.focus();
  }

  point(event) {
    if (this.isPressed && !event.buttons) this.release();
    const key = event.target.closest('.row')?.dataset.key;
    this.hover(key ? this.byKey.get(key)?.ids ?? [] : []);
  }

  hover(ids) {
    if (this.data.hoverless || this.said === ids || (!ids.length && !this.said?.length)) return;
    this.said = ids;
    tellRuns('list', 'hover', ids);
  }

  lift(ids) {
    this.hovered = new Set(ids);
    for (const element of this.body.children) {
      const row = this.byKey.get(element.dataset.key);
      element.classList.toggle('lifted', row.ids.some((id) => this.hovered.has(id)));
    }
  }

  context(event) {
    if (this.data.mode === 'grid') return;
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
      else if (event.key === 'ArrowDown') items[(place + 1) % items.length]?.focus();
      else if (event.key === 'ArrowUp') items.at(place - 1)?.focus();
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
}
