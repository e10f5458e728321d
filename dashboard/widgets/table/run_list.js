// The run list and the run table: one component, one code base, two sets of columns.
//
// data.rows is a tree in list order. A row: key, parent (place in the list, -1 at the top), name,
// note, title, cells, and where it stands for several runs: ids, count, group, own (the run it
// leads to). A cell is null, a text, or [text, value, small text, title]; see run_rows.py.
//
// What a person does is shown at once and reported; what follows within 250 ms is reported as one
// object. Reports are numbered by their time, for lists on several pages report in turn. The server
// says which it took last: its state is taken over unless a later report is on its way.

const REPORT_MS = 250;
const RELEASES = ['pointerup', 'pointercancel'];

class RunList extends Acts {
  constructor(root) {
    super();
    this.root = root;
    this.ticked = new Set();
    this.allTicked = false;
    this.gone = new Set();
    this.touched = {};
    this.sent = 0;
    this.moved = -Infinity;
    this.hovered = new Set();
    this.focus = null;
    this.limits = { rows: 0, courses: 0 };
    this.head = h('div', { class: 'head' });
    this.header = h('div', { class: 'header', role: 'row' });
    this.body = h('div', { class: 'body', role: 'rowgroup' });
    this.grid = h('div', { role: 'treegrid', tabindex: '0',
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
    this.body.addEventListener('pointerdown', () => { this.isPressed = true; });
    this.onRelease = () => setTimeout(() => this.release());
    this.grid.addEventListener('focus', () => this.markFocus());
    this.grid.addEventListener('blur', () => this.markFocus());
    root.addEventListener('click', (event) => this.click(event));
    this.onKey = (event) => this.slash(event);
    this.resized = new ResizeObserver(() => this.draw());
  }

  enter() {
    this.leaving ??= beforeLeaving(() => { if (this.timer) this.sendReport(LEAVING_MS); });
    this.hearing ??= hearRuns('list',
      { hover: (ids) => this.lift(ids), visible: (ids) => this.take(ids) });
    window.addEventListener('keydown', this.onKey);
    for (const name of RELEASES) window.addEventListener(name, this.onRelease);
    this.resized.observe(this.grid);
  }

  leave() {
    for (const one of [this.hearing, this.leaving]) one.abort();
    this.hearing = this.leaving = null;
    window.removeEventListener('keydown', this.onKey);
    for (const name of RELEASES) window.removeEventListener(name, this.onRelease);
    this.resized.disconnect();
    this.closeMenu();
    if (this.timer) this.sendReport();
  }

  release() {
    this.isPressed = false;
    if (this.isStale) this.draw();
  }

  update(data) {
    const first = !this.data;
    this.data = data;
    this.sent = Math.max(this.sent, first ? data.ack : 0);
    this.gone = new Set([...this.gone].filter((id) => data.rows.some((row) => row.key === id)));
    this.root.className = `root ${data.mode === 'grid' ? 'table grid' : data.mode}`;
    this.root.style.setProperty('--height', data.height);
    const pending = this.timer || data.ack < this.sent || (data.mode === 'grid' && !first);
    const before = [...(this.shown ?? [])].sort().join();
    if (!pending) this.adopt(data.state);
    this.positions = pending && this.positions ? this.positions : { ...data.positions };
    this.buildTree();
    this.measure();
    this.drawHead();
    this.arrange();
    const isNew = [...this.shown].sort().join() !== before;
    if (isNew && data.mode !== 'grid') tellRuns('list', 'visible', [...this.shown]);
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


  wantMore() {
    const end = Math.ceil((this.grid.scrollTop + this.grid.clientHeight) / this.rowHeight);
    const courses = this.data.mode === 'table' ? 60 * Math.ceil(end / 60) : 0;
    const rows = !this.complete && end >= this.list.length ? this.data.listed + 500 : 0;
    if (courses <= this.limits.courses && rows <= this.limits.rows) return;
    this.limits = { rows: Math.max(rows, this.limits.rows),
      courses: Math.max(courses, this.limits.courses) };
    if (end > 60 || rows) this.sendReport(REPORT_MS);
  }

  sendReport(delay = 0) { // At once where the hand has rested, else when it rests again.
    clearTimeout(this.timer);
    const now = performance.now(), rested = delay <= REPORT_MS && now - this.moved > delay;
    this.moved = now;
    const send = () => {
      this.timer = null;
      this.sent = Math.max(this.sent + 1, Date.now());
      const value = { n: this.sent, ...this.limits };
      for (const name of Object.keys(this.touched)) {
        value[name] = name === 'shown' ? [...this.shown]
          : name === 'unfolded' ? [...this.unfolded] : this.state[name];
      }
      this.report(value);
    };
    if (!delay || rested) send();
    else this.timer = setTimeout(send, delay);
  }
}

const lists = new WeakMap();

export default function mount(component) {
  const { parentElement, data, setStateValue, setTriggerValue } = component;
  let list = lists.get(parentElement);
  if (!list) {
    list = new RunList(parentElement.querySelector('.root'));
    lists.set(parentElement, list);
  }
  list.report = (value) => setStateValue('report', value);
  list.tell = (value) => {
    // A report that came after it would call back the page that the event leads away from.
    if (list.timer) list.sendReport();
    setTriggerValue('event', value);
  };
  list.enter();
  list.update(data);
  return () => list.leave();
}
