// A run's files as a tree: a click on a row opens a file, or opens and closes a folder.
//
// data.rows: [{path, name, size, depth, folder, icon, thumb}, …], a folder before what lies in it.

class Files {
  constructor(root) {
    this.root = root;
    this.closed = new Set();
    this.typed = '';
    this.find = h('input', { type: 'search', 'aria-label': 'Find a file', placeholder: 'Find a file',
      oninput: () => { this.typed = this.find.value.trim().toLowerCase(); this.draw(); },
      onkeydown: (event) => event.stopPropagation() });
    this.tree = h('div', { role: 'tree', tabindex: '0', 'aria-label': 'Files',
      onkeydown: (event) => this.key(event), onclick: (event) => this.click(event) });
    root.replaceChildren(h('label', { class: 'search' }, icon('search'), this.find), this.tree);
  }

  update(data) {
    if (data.run !== this.run) {
      this.run = data.run;
      this.closed = new Set(data.closed);
      this.focus = null;
    }
    if (data.chosen !== this.data?.chosen) this.reveal(data.chosen);
    this.data = data;
    this.focus ??= data.chosen;
    this.draw();
  }

  /** Open the folders above a file. */
  reveal(path) {
    for (const folder of this.closed) if (path.startsWith(folder)) this.closed.delete(folder);
  }

  get shown() {
    if (this.typed) {
      return this.data.rows.filter((row) => !row.folder && row.path.toLowerCase().includes(this.typed));
    }
    const closed = [...this.closed];
    return this.data.rows.filter((row) =>
      !closed.some((folder) => row.path !== folder && row.path.startsWith(folder)));
  }

  draw() {
    const rows = this.shown;
    this.tree.replaceChildren(...rows.map((row, place) => this.row(row, place)));
    if (!rows.length) this.tree.append(h('p', { class: 'quiet' }, 'No file has such a name.'));
    this.mark();
  }

  mark() {
    const place = this.shown.findIndex((row) => row.path === this.focus);
    [...this.tree.children].forEach((element, at) => element.classList.toggle('focused', at === place));
    if (place < 0) this.tree.removeAttribute('aria-activedescendant');
    else this.tree.setAttribute('aria-activedescendant', `file-${place}`);
  }

  row(row, place) {
    const closed = this.closed.has(row.path);
    const element = h('div', { role: 'treeitem', class: 'file', id: `file-${place}`,
      'data-path': row.path, 'aria-level': this.typed ? 1 : row.depth + 1, title: row.path,
      'aria-expanded': row.folder ? String(!closed) : null,
      'aria-selected': String(row.path === this.data.chosen) },
    row.folder && icon(closed ? 'arrow_right' : 'arrow_drop_down', 'turn'),
    row.thumb ? h('img', { src: `${row.thumb}?side=36`, alt: '', loading: 'lazy' }) : icon(row.icon),
    h('span', { class: 'name', dir: 'auto' }, this.typed ? row.path : row.name),
    h('span', { class: 'size' }, row.size));
    element.style.setProperty('--depth', this.typed ? 0 : row.depth);
    return element;
  }

  click(event) {
    const path = event.target.closest('[role=treeitem]')?.dataset.path;
    if (path != null) this.act(this.data.rows.find((row) => row.path === path));
  }

  act(row) {
    this.focus = row.path;
    if (row.folder) {
      if (!this.closed.delete(row.path)) this.closed.add(row.path);
      this.draw();
    } else {
      this.data = { ...this.data, chosen: row.path };
      this.draw();
      this.tell({ path: row.path });
    }
  }

  key(event) {
    const rows = this.shown;
    const place = rows.findIndex((row) => row.path === this.focus);
    const row = rows[place];
    const go = (to) => {
      this.focus = rows[Math.max(0, Math.min(rows.length - 1, to))]?.path;
      this.mark();
      this.tree.querySelector('.focused')?.scrollIntoView({ block: 'nearest' });
    };
    const turn = (closed) => {
      const turns = row?.folder && this.closed.has(row.path) !== closed;
      if (turns) this.act(row);
      return turns;
    };
    const acts = { ArrowDown: () => go(place + 1), ArrowUp: () => go(place - 1), Home: () => go(0),
      End: () => go(rows.length), ArrowRight: () => turn(false) || go(place + 1),
      ArrowLeft: () => turn(true), Enter: () => row && this.act(row), ' ': () => row && this.act(row) };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}

export default mounting(Files);
