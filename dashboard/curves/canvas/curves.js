// Panels of curves that share one x range, one crosshair and the run under the pointer.
// `data` is a JSON head and the float32 columns that its lines name by number: see encoding.py.
// Other components hear and speak of runs by two events of the window, whose detail has their ids.

const EVENTS = ['tracker:hover', 'tracker:visible'];
const PHONE = 600, CUT = 2;
const WIDTH = 552, HEIGHT = 270; // Of a panel that is not laid out, in pixels.

export default function ({ parentElement, data, setStateValue }) {
  parentElement.curves ??= new Curves(parentElement.querySelector('.curves'), setStateValue);
  parentElement.curves.update(decoded(data));
  return () => {
    parentElement.curves?.close();
    delete parentElement.curves;
  };
}

function decoded(bytes) {
  const whole = bytes.slice().buffer, size = new DataView(whole).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, size)));
  const floats = new Float32Array(whole, 4 + size);
  const columns = head.columns.map(([from, count, origin]) =>
    Float64Array.from(floats.subarray(from, from + count), (value) => value + origin));
  for (const line of head.panels.flatMap((panel) => panel.lines)) {
    Object.assign(line, head.entries[line.of]);
    for (const name of ['x', 'y', 'low', 'high', 'odd']) {
      if (name in line) line[name] = columns[line[name]];
    }
  }
  return head;
}

function sizeOf(panel) {
  const { clientWidth, clientHeight } = panel.find('canvas') ?? {};
  return clientWidth ? [clientWidth, clientHeight] : [WIDTH, HEIGHT];
}

const idsOf = (node) => node?.dataset.ids.split(' ') ?? [];

class Curves {
  constructor(body, send) {
    Object.assign(this, { body, send, lifted: new Set(), pinned: [] });
    this.whole = new Set(); // Names of panels whose outliers are not cut.
    this.hear = ({ type, detail }) => {
      if (detail.from === this) return;
      if (type === 'tracker:hover') this.lift(detail.ids);
      else this.forget(this.shown = new Set(detail.ids));
    };
    for (const name of EVENTS) window.addEventListener(name, this.hear);
    body.onclick = ({ target }) => this.act(target);
    body.onpointerover = ({ target }) => {
      if (target.tagName !== 'CANVAS') this.hover(idsOf(target.closest('[data-ids]')));
    };
    body.onpointerleave = ({ pointerType }) => pointerType === 'touch' || this.hover([]);
    this.size = new ResizeObserver(() => this.redraw());
    this.size.observe(body);
    this.sight = new IntersectionObserver(() => this.redraw());
  }

  close() {
    for (const name of EVENTS) window.removeEventListener(name, this.hear);
    this.size.disconnect();
    this.sight.disconnect();
  }

  update(data) {
    if (data.axis !== this.data?.axis) this.zoom = data.zoom;
    if (data.html !== this.data?.html) this.build(data.html);
    this.data = data;
    data.panels.forEach((panel, i) => {
      panel.section = this.sections[i];
      panel.find = (part) => panel.section.querySelector(part);
      panel.find('.menu a').href = panel.csv;
      if (panel.table) panel.find('.values').innerHTML = panel.table;
      else panel.find('canvas').ariaLabel = panel.label;
    });
    this.forget();
  }

  build(html) { // The markup of the server, whose texts are escaped.
    this.sight.disconnect();
    this.body.innerHTML = html;
    this.sections = [...this.body.querySelectorAll('.panel')];
    this.sections.forEach((section, i) => {
      const canvas = section.querySelector('canvas');
      if (canvas) listen(this, canvas, () => this.data.panels[i]);
      this.sight.observe(section);
    });
  }

  act(target) { // What a button is for is the name of a method.
    const button = target.closest('[data-act]');
    const section = target.closest('.panel');
    const panel = this.data.panels.find((one) => one.section === section);
    if (button) this[button.dataset.act](panel);
    if (button || target.closest('a')) target.closest('.menu')?.removeAttribute('open');
  }

  forget() { // Other lines, another range: work out what fits, and draw.
    for (const panel of this.data.panels) panel.fitted = null;
    for (const node of this.body.querySelectorAll('[data-ids]')) {
      node.hidden = !this.isShown(idsOf(node));
    }
    this.redraw();
  }

  isShown(ids) { return !this.shown || ids.some((id) => this.shown.has(id)); }

  isLifted({ ids }) { return ids.every((id) => this.lifted.has(id)); }

  isAlone(line) { return this.lifted.size === 1 && line.ids.length === 1 && this.isLifted(line); }

  lines(panel) { return panel.lines.filter(({ ids }) => this.isShown(ids)); }

  zoomed(panel) { return panel.pairs ? this.zoom.own[panel.name] : this.zoom.x; }

  scale(panel) { // Where values are on a panel's canvas.
    const [wide, tall] = panel.size ??= sizeOf(panel), { extent, log_x: isLog, pairs } = panel;
    const x = axis(this.zoomed(panel) ?? extent, LEFT, wide - RIGHT, isLog, extent[0]);
    panel.fitted ??= this.fitted(panel, x);
    const y = axis(this.zoom.y[panel.name] ?? panel.fitted, tall - BOTTOM, TOP, panel.log);
    return { x, y, pairs };
  }

  fitted(panel, { low, high }) { // The range of what is between two x, without outliers.
    const unit = panel.log ? Math.log10 : Number, found = [];
    const lines = this.lines(panel).filter((line) => !isBehind(line));
    for (const { x, y, low: least = [], high: most = [] } of lines) {
      const between = panel.pairs ? [0] : [Math.max(0, before(x, low)), before(x, high) + 2];
      for (const values of [y, least, most]) found.push(...values.slice(...between));
    }
    const known = Float64Array.from(found, unit).filter(Number.isFinite).sort();
    const [least, p1, p99, most] = [0, 0.01, 0.99, 1].map((share) =>
      known[Math.round(share * (known.length - 1))] ?? share);
    const usual = p99 - p1;
    panel.cut = usual > 0 && (most - p99 > CUT * usual || p1 - least > CUT * usual);
    const [bottom, top] = panel.cut && !this.whole.has(panel.name) ? [p1, p99] : [least, most];
    const room = 0.05 * (top - bottom) || Math.abs(top) / 10 || 0.5;
    const isNearZero = !panel.log && bottom >= 0 && bottom < room;
    return [isNearZero ? 0 : bottom - room, top + room].map((end) => (panel.log ? 10 ** end : end));
  }

  redraw() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.style = getComputedStyle(this.body);
      this.body.classList.toggle('phone', this.body.clientWidth < PHONE);
      const seen = this.data.panels.filter(({ section }) => {
        const box = section.getBoundingClientRect();
        return box.width && box.bottom > 0 && box.top < innerHeight;
      });
      for (const panel of seen) panel.size = sizeOf(panel); // All are read before one is written.
      for (const panel of seen) this.render(panel);
    });
  }

  token(name) { return this.style.getPropertyValue(`--${name}`); }

  render(panel) {
    const zoom = this.zoomed(panel), isWhole = this.whole.has(panel.name);
    if (panel.table) {
      for (const node of panel.find('.values').querySelectorAll('[data-ids]')) {
        node.classList.toggle('lifted', this.isLifted({ ids: idsOf(node) }));
      }
    } else {
      draw(this, panel);
      shade(this, panel);
      readout(this, panel);
      panel.find('.chip').hidden = !zoom;
      panel.find('.chip').textContent = zoom && `${rangeText(panel, zoom)} ×`;
      panel.find('.fit').ariaPressed = Boolean(zoom || this.zoom.y[panel.name] || isWhole);
    }
    const cut = panel.cut && !isWhole && 'cut at the 99th percentile', note = panel.find('.note');
    note.textContent = note.title = [panel.note, cut].filter(Boolean).join(' · ');
  }

  point(panel, px, py) { // The crosshair goes to the nearest point; a line close by is lifted.
    const aims = aimsAt(this.lines(panel), this.scale(panel), px, py);
    const least = (name) =>
      aims.reduce((best, aim) => (aim[name] < best[name] ? aim : best), aims[0]);
    const near = least('gap'), cursor = panel.pairs ? near : least('side');
    this.cursor = cursor && { in: panel.name, pairs: panel.pairs, x: cursor.x, of: near.of };
    this.hover(near?.gap < NEAR ? near.ids : []);
    this.redraw();
  }

  step(panel, sign) { // The crosshair to the next point of any line.
    const { low, high } = this.scale(panel).x, at = this.cursor?.x ?? (sign > 0 ? low : high);
    const next = this.lines(panel).flatMap(({ x }) => [...x])
      .filter((x) => sign * (x - at) > 0 && x >= low && x <= high).map((x) => sign * x);
    const { name, pairs } = panel;
    if (next.length) this.cursor = { in: name, pairs, x: sign * Math.min(...next) };
    this.redraw();
  }

  hover(ids) { // Lift runs here and tell the other components.
    const before = [...this.lifted].join();
    this.lift(ids);
    if ([...this.lifted].join() === before) return;
    const detail = { ids: [...this.lifted], from: this };
    window.dispatchEvent(new CustomEvent('tracker:hover', { detail }));
  }

  lift(ids) {
    this.lifted = new Set(ids.length ? ids : this.pinned);
    this.redraw();
  }

  leave() {
    this.cursor = null;
    this.hover([]);
  }

  pin() { // Keep what is lifted in front until it is clicked again.
    const ids = [...this.lifted];
    this.pinned = ids.join() === this.pinned.join() ? [] : ids;
  }

  show(panel, x, y) { // Zoom to ranges: x in all panels, y in this one; null leaves it.
    const { zoom } = this, { name } = panel;
    if (x?.[1] > x?.[0] && panel.pairs) zoom.own[name] = x;
    else if (x?.[1] > x?.[0]) zoom.x = x;
    if (y?.[1] > y?.[0]) zoom.y[name] = y;
    this.keep();
  }

  reset() {
    this.zoom = { x: null, y: {}, own: {} };
    this.pinned = [];
    this.hover([]);
    this.keep();
  }

  keep() { // Draw, and tell the server once the hand rests.
    this.forget();
    clearTimeout(this.rest);
    const said = structuredClone({ ...this.zoom, axis: this.data.axis });
    this.rest = setTimeout(() => this.send('zoom', said), 300);
  }

  fit(panel) { // Undo the zoom; where there is none, show or cut the outliers.
    if (this.zoomed(panel) || this.zoom.y[panel.name]) return this.reset();
    this.whole[this.whole.has(panel.name) ? 'delete' : 'add'](panel.name);
    return this.forget();
  }

  enlarge(panel) {
    panel.section.classList.toggle('large');
    panel.find('canvas')?.focus();
    this.redraw();
  }

  table(panel) { // Values instead of the picture, or the picture again.
    const [canvas, values] = ['canvas', '.values'].map(panel.find);
    [canvas.hidden, values.hidden] = [!canvas.hidden, canvas.hidden];
    panel.find('.table').ariaPressed = canvas.hidden;
    values.replaceChildren(valuesTable(this, panel));
  }

  savePng(panel) { savePage(pageOf(this, drawing(this, panel)), `${panel.name}.png`); }

  saveSvg(panel) { save('image/svg+xml', drawing(this, panel), `${panel.name}.svg`); }

  saveHtml() { save('text/html', viewOf(this), 'curves.html'); }

  saveView() { savePage(viewOf(this), 'curves.png', `${this.body.clientWidth + 48}px`); }
}
