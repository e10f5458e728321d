// Panels of curves that share one x range, one crosshair and the run under the pointer.
// `data` is a JSON head and the float32 columns that its lines name by number: see payload.py.
// Other components hear and speak of runs by two events of the window, whose detail has their ids.

const EVENTS = ['tracker:hover', 'tracker:visible'];
const PHONE = 600, MANY = 10, CUT = 2;
const PARTS = ['canvas', '.note', '.chip', '.fit', '.table', '.box', '.values', '.menu a'];

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
    for (const name of ['x', 'y', 'low', 'high', 'odd']) {
      if (name in line) line[name] = columns[line[name]];
    }
  }
  return head;
}

const idsOf = (node) => node?.dataset.ids.split(' ') ?? [];

class Curves {
  constructor(body, send) {
    Object.assign(this, { body, send, lifted: new Set(), pinned: [], touches: new Map() });
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
    if (data.axis !== this.data?.axis) this.zoom = { x: null, y: {}, own: {}, ...data.zoom };
    if (data.html !== this.data?.html) this.build(data.html);
    this.data = data;
    data.panels.forEach((panel, i) => {
      const nodes = panel.nodes = this.nodes[i];
      nodes.a.href = panel.csv;
      if (panel.table) nodes.values.innerHTML = panel.table;
      else nodes.canvas.ariaLabel = panel.label;
    });
    this.forget();
  }

  build(html) { // The markup of the server, whose texts are escaped.
    this.sight.disconnect();
    this.body.innerHTML = html;
    this.nodes = [...this.body.querySelectorAll('.panel')].map((section, i) => {
      const find = (part) => [part.replace(/^.*\W/, ''), section.querySelector(part)];
      const nodes = { section, ...Object.fromEntries(PARTS.map(find)) };
      if (nodes.canvas) listen(this, nodes.canvas, () => this.data.panels[i]);
      this.sight.observe(section);
      return nodes;
    });
  }

  act(target) { // What a button is for is the name of a method.
    const button = target.closest('[data-act]'), section = target.closest('.panel');
    const panel = this.data.panels.find(({ nodes }) => nodes.section === section);
    if (button) this[button.dataset.act](panel);
    if (button || target.closest('a')) target.closest('.menu')?.removeAttribute('open');
  }

  forget() { // Work out anew what is drawn, and draw it.
    const plots = this.data.panels.filter((panel) => !panel.table);
    for (const panel of plots) panel.drawn = panel.fitted = null;
    for (const node of this.body.querySelectorAll('[data-ids]')) {
      node.hidden = this.shown && !idsOf(node).some((id) => this.shown.has(id));
    }
    const ends = plots.filter(({ pairs }) => !pairs).flatMap((panel) => this.lines(panel))
      .flatMap(({ x, odd = [] }) => [x[0], last(x), odd[0], last(odd)]).filter(Number.isFinite);
    this.extent = [Math.min(...ends), Math.max(...ends)];
    this.redraw();
  }

  lines(panel) { // Those of the shown runs, and the means of groups of them, from back to front.
    if (panel.drawn) return panel.drawn;
    const { runs, smoothing, spread } = this.data;
    const own = panel.lines.filter(({ run }) => this.shown?.has(run) ?? true);
    const ids = [...new Set(own.map(({ run }) => run))], { pairs } = panel;
    const isMember = (id) => spread !== 'runs' && runs[id].group && !pairs
      && ids.some((other) => other !== id && runs[other].group === runs[id].group);
    panel.many = ids.length > MANY;
    panel.crowded = new Set(ids.map((id) => (isMember(id) ? runs[id].group : id))).size > MANY;
    const drawn = own.map((line) => ({ ...line, ...runs[line.run], ids: [line.run], pairs,
      member: isMember(line.run), quiet: line.part === 'train' && panel.parts.length > 1,
      y: pairs ? line.y : smoothed(line.y, smoothing) }));
    drawn.push(...this.means(panel, drawn.filter((line) => line.member && !line.old)));
    const depth = (line) => (line.mean ? 4 : line.member ? 0 : 2) + !line.quiet;
    panel.drawn = drawn.sort((a, b) => depth(a) - depth(b));
    return panel.drawn;
  }

  means(panel, members) {
    const found = [];
    for (const [group, { label, color }] of Object.entries(this.data.groups)) {
      for (const part of panel.parts) {
        const of = members.filter((line) =>
          line.group === group && line.part === part && line.x.length);
        if (of.length < 2) continue;
        const mean = groupLine(of, panel.log), { quiet } = of[0];
        const best = panel.better === 'less' ? Math.min(...mean.y) : Math.max(...mean.y);
        found.push({ ...mean, ids: of.flatMap((line) => line.ids), group, label, color, part, quiet,
          mean: true, best: panel.better ? [mean.x[mean.y.indexOf(best)], best] : null });
      }
    }
    return found;
  }

  scale(panel) { // What is in view, and where: y in powers of ten on a logarithmic axis.
    const wide = panel.size.width - LEFT - RIGHT, tall = panel.size.height - TOP - BOTTOM;
    const same = (value) => value, unit = panel.log ? Math.log10 : same;
    const back = panel.log ? (value) => 10 ** value : same;
    const ends = ({ x }) => [Math.min(...x), Math.max(...x)];
    const all = panel.pairs ? this.lines(panel).flatMap(ends) : this.extent;
    let [low, high] = this.zoomed(panel) ?? [Math.min(...all), Math.max(...all)];
    if (!(high > low)) [low, high] = [low - 0.5, low + 0.5];
    const isLog = this.data.log_x && !panel.pairs && high > 0;
    if (isLog && low <= 0) low = this.data.axis === 'step' && high > 1 ? 1 : high / 1e4;
    if (panel.fitted?.low !== low || panel.fitted.high !== high) {
      panel.fitted = { low, high, y: this.fitted(panel, low, high, unit) };
    }
    const along = isLog ? (value) => Math.log10(Math.max(value, low)) : same;
    const [left, span] = [along(low), along(high) - along(low)];
    const atX = (place) => left + ((place - LEFT) / wide) * span;
    const [bottom, top] = this.zoom.y[panel.name]?.map(unit) ?? panel.fitted.y;
    return { low, high, bottom, top, wide, tall, back, isLog, right: LEFT + wide, foot: TOP + tall,
      x: (value) => LEFT + (wide * (along(value) - left)) / span,
      y: (value) => TOP + tall * (1 - (unit(value) - bottom) / (top - bottom)),
      atX: isLog ? (place) => 10 ** atX(place) : atX,
      atY: (place) => back(top - ((place - TOP) / tall) * (top - bottom)) };
  }

  zoomed(panel) { return panel.pairs ? this.zoom.own[panel.name] : this.zoom.x; }

  fitted(panel, low, high, unit) { // The range of what is between two x, without outliers.
    const found = [];
    for (const { x, y, low: least, high: most, member, quiet } of this.lines(panel)) {
      if (member && quiet) continue;
      const from = panel.pairs ? 0 : Math.max(0, before(x, low));
      const to = panel.pairs ? x.length : before(x, high) + 2;
      for (const values of least ? [y, least, most] : [y]) found.push(...values.slice(from, to));
    }
    const known = Float64Array.from(found.map(unit).filter(Number.isFinite)).sort();
    if (!known.length) return [0, 1];
    const [least, p1, p99, most] = [0, 0.01, 0.99, 1].map((share) =>
      known[Math.round(share * (known.length - 1))]);
    const usual = p99 - p1;
    panel.cut = usual > 0 && (most - p99 > CUT * usual || p1 - least > CUT * usual);
    const [bottom, top] = panel.cut && !this.whole.has(panel.name) ? [p1, p99] : [least, most];
    const room = 0.05 * (top - bottom) || Math.abs(top) / 10 || 0.5;
    return [!panel.log && bottom >= 0 && bottom < room ? 0 : bottom - room, top + room];
  }

  redraw() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.style = getComputedStyle(this.body);
      this.body.classList.toggle('phone', this.body.clientWidth < PHONE);
      for (const panel of this.data.panels) {
        const box = panel.nodes.section.getBoundingClientRect();
        if (box.width && box.bottom > 0 && box.top < innerHeight) this.render(panel);
      }
    });
  }

  render(panel) {
    const { note, chip, fit, values } = panel.nodes, { name } = panel;
    note.textContent = note.title = panel.note;
    if (panel.table) {
      for (const node of values.querySelectorAll('[data-ids]')) {
        node.classList.toggle('lifted', this.isLifted({ ids: idsOf(node) }));
      }
      return;
    }
    draw(this, panel);
    const zoom = this.zoomed(panel), isWhole = this.whole.has(name);
    chip.hidden = !zoom;
    chip.textContent = zoom ? `${rangeText(this.data, panel, zoom)} ×` : '';
    fit.ariaPressed = String(Boolean(zoom || this.zoom.y[name] || isWhole));
    const cut = panel.cut && !isWhole && 'cut at the 99th percentile';
    note.textContent = note.title = [panel.note, cut].filter(Boolean).join(' · ');
    readout(this, panel);
  }

  isLifted({ ids }) { return ids.every((id) => this.lifted.has(id)); }

  isAlone(line) { return this.lifted.size === 1 && line.ids.length === 1 && this.isLifted(line); }

  point(panel, px, py) { // The crosshair goes to the nearest point; a line close by is lifted.
    const aims = aimsAt(panel, this.lines(panel), this.scale(panel), px, py);
    const least = (name) =>
      aims.reduce((best, aim) => (best?.[name] <= aim[name] ? best : aim), null);
    const near = least('gap'), cursor = panel.pairs ? near : least('side');
    this.cursor = cursor && { panel, x: cursor.x };
    this.near = near && (near.line.mean ? near.line.group : near.line.ids[0]);
    this.hover(near?.gap < NEAR ? near.line.ids : []);
    this.redraw();
  }

  step(panel, sign) { // The crosshair to the next point of any line.
    const { low, high } = this.scale(panel), at = this.cursor?.x ?? (sign > 0 ? low : high);
    const next = this.lines(panel).flatMap(({ x }) => [...x])
      .filter((x) => sign * (x - at) > 0 && x >= low && x <= high).map((x) => sign * x);
    if (next.length) this.cursor = { panel, x: sign * Math.min(...next) };
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
    this.cursor = this.near = null;
    this.hover([]);
    this.redraw();
  }

  pin() { // Keep what is lifted in front until it is clicked again.
    const ids = [...this.lifted];
    this.pinned = ids.join() === this.pinned.join() ? [] : ids;
  }

  show(panel, x, y) { // Zoom to ranges: x in all panels, y in this one; null leaves it.
    const { zoom } = this, { name } = panel;
    if (x && x[1] > x[0] && panel.pairs) zoom.own = { ...zoom.own, [name]: x };
    else if (x && x[1] > x[0]) zoom.x = x;
    if (y && y[1] > y[0]) zoom.y = { ...zoom.y, [name]: y };
    this.keep();
  }

  reset() {
    this.zoom = { x: null, y: {}, own: {} };
    this.pinned = [];
    this.hover([]);
    this.keep();
  }

  keep() { // Draw, and tell the server once the hand rests.
    this.redraw();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.send('zoom', { ...this.zoom, axis: this.data.axis }), 300);
  }

  fit(panel) { // Undo the zoom; where there is none, show or cut the outliers.
    if (this.zoomed(panel) || this.zoom.y[panel.name]) return this.reset();
    this.whole[this.whole.has(panel.name) ? 'delete' : 'add'](panel.name);
    panel.fitted = null;
    return this.redraw();
  }

  enlarge(panel) {
    panel.nodes.section.classList.toggle('large');
    panel.nodes.canvas.focus();
    this.redraw();
  }

  table(panel) { // Values instead of the picture, or the picture again.
    const { canvas, values, table } = panel.nodes;
    [canvas.hidden, values.hidden] = [!canvas.hidden, canvas.hidden];
    table.ariaPressed = String(canvas.hidden);
    values.replaceChildren(valuesTable(this, panel));
  }

  savePng(panel) {
    const style = `<style>body { margin: 0; background: ${tokens(this)('ground')} }</style>`;
    savePage(`${style}${drawing(this, panel)}`, `${panel.name}.png`);
  }

  saveSvg(panel) { save(drawing(this, panel), 'image/svg+xml', `${panel.name}.svg`); }

  saveHtml() { save(pageOf(this), 'text/html', 'curves.html'); }

  saveView() { savePage(pageOf(this), 'curves.png', `${this.body.clientWidth + 48}px`); }
}
