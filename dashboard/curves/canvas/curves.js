// Panels of curves on canvases that share one x range, one crosshair and the run under the pointer.
// `data` is a JSON head and the float32 columns that its lines name by number: payload.py writes it.
// Other components hear and speak of runs by the window's events `tracker:hover` and
// `tracker:visible`, whose detail has their ids.

const PHONE = 600, NEAR = 14, MANY = 10, BEST = 5, CUT = 2;
const ICONS = {
  fit: 'M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3M5.5 6.5h5v3h-5z',
  table: 'M2.5 2.5h11v11h-11zM2.5 6.2h11M2.5 9.8h11',
  download: 'M8 2v8M4.8 7 8 10.2 11.2 7M2.5 11v2.5h11V11',
  enlarge: 'M9.5 2.5h4v4M13.5 2.5l-5 5M6.5 13.5h-4v-4M2.5 13.5l5-5',
};
const HINT = 'Drag to zoom all panels · double click resets · click a line to keep it in front';
const EVENTS = ['tracker:hover', 'tracker:visible'];

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
  head.panels = head.sections.flatMap((section) => section.panels);
  for (const line of head.panels.flatMap((panel) => panel.lines)) {
    for (const name of ['x', 'y', 'low', 'high', 'odd']) {
      if (name in line) line[name] = columns[line[name]];
    }
  }
  return head;
}

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const icon = (name) => `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

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
    this.data = data;
    const shape = JSON.stringify([data.wide, data.legend, data.sections.map((section) =>
      [section.title, section.note, section.panels.map(({ name, csv, wide }) => [name, csv, wide])])]);
    if (shape !== this.shape) this.build();
    this.shape = shape;
    data.panels.forEach((panel, i) => Object.assign(panel, { nodes: this.nodes[i] }));
    this.forget();
  }

  build() {
    this.sight.disconnect();
    this.nodes = [];
    const legend = this.data.legend.map(([sign, text]) =>
      element('span', {}, element('span', { className: `key ${sign}` }), text));
    this.body.replaceChildren(
      element('div', { className: 'legend' }, ...legend, element('span', { className: 'hint' }, HINT)),
      ...this.data.sections.map(({ title, note, panels }) => {
        const grid = element('div', { className: 'grid' }, ...panels.map((panel) => this.panel(panel)));
        if (!title) return grid;
        const summary = element('summary', {}, title, element('small', {}, note));
        return element('details', { className: 'section', open: true }, summary, grid);
      }));
  }

  panel({ name, csv, wide, values }) {
    const number = this.nodes.length, now = () => this.data.panels[number];
    const button = (sign, title, onclick) => element('button', { className: `icon ${sign}`, title,
      ariaLabel: `${title}: ${name}`, innerHTML: icon(sign), onclick: () => onclick(now()) });
    const nodes = {
      canvas: element('canvas', { tabIndex: 0, role: 'img', hidden: Boolean(values) }),
      box: element('div', { className: 'box' }),
      note: element('span', { className: 'note' }),
      chip: element('button', { className: 'chip', hidden: true, onclick: () => this.reset() }),
      values: element('div', { className: 'values', hidden: !values, tabIndex: 0 }),
      fit: button('fit', 'Fit', (panel) => this.fit(panel)),
      table: button('table', 'Values as a table', (panel) => this.open(panel)),
    };
    const save = (text, how) => element('button', { onclick: () => how(this, now()) }, text);
    const points = element('a', { href: csv, download: '' }, 'All points (CSV)');
    const menu = element('details', { className: 'menu' },
      element('summary', { className: 'icon', title: 'Download', ariaLabel: `Download: ${name}`,
        innerHTML: icon('download') }),
      element('div', {}, ...(values ? [] : [save('Picture (PNG)', savePng), save('Drawing (SVG)', saveSvg)]), points));
    menu.onclick = ({ target }) => { if (target.closest('div > *')?.parentElement.parentElement === menu) menu.open = false; };
    const enlarge = button('enlarge', 'Enlarge', (panel) => this.enlarge(panel));
    nodes.section = element('section', { className: wide ? 'panel wide' : 'panel' },
      element('header', {}, element('h2', { title: name }, name), nodes.note, nodes.chip,
        element('div', { className: 'tools' }, ...(values ? [] : [nodes.fit, nodes.table]), menu, enlarge)),
      element('div', { className: 'plot' }, nodes.canvas, nodes.box), nodes.values);
    this.nodes.push(nodes);
    this.sight.observe(nodes.section);
    listen(this, nodes.canvas, now);
    return nodes.section;
  }

  forget() { // Work out anew what is drawn, and draw it.
    const plots = this.data.panels.filter((panel) => !panel.values);
    for (const panel of plots) panel.drawn = panel.fitted = null;
    for (const panel of this.data.panels.filter(({ values }) => values)) fillResults(this, panel);
    const ends = plots.filter(({ pairs }) => !pairs).flatMap((panel) => this.lines(panel))
      .flatMap(({ x, odd = [] }) => [x[0], last(x), odd[0], last(odd)]).filter(Number.isFinite);
    this.extent = [Math.min(...ends), Math.max(...ends)];
    this.redraw();
  }

  lines(panel) { // Those of the shown runs, and the means of groups of them, from back to front.
    if (panel.drawn) return panel.drawn;
    const { runs, groups, smoothing, spread } = this.data;
    const own = panel.lines.filter(({ run }) => this.shown?.has(run) ?? true);
    const ids = [...new Set(own.map(({ run }) => run))];
    const isMember = (run) => spread !== 'runs' && runs[run].group && !panel.pairs
      && ids.some((id) => id !== run && runs[id].group === runs[run].group);
    panel.many = ids.length > MANY;
    const drawn = own.map((line) => ({ ...line, ...runs[line.run], ids: [line.run], pairs: panel.pairs,
      member: isMember(line.run), quiet: line.part === 'train' && panel.parts.length > 1,
      y: panel.pairs ? line.y : smoothed(line.y, smoothing) }));
    for (const [group, { label, color }] of Object.entries(groups)) {
      for (const part of panel.parts) {
        const of = drawn.filter((line) => line.member && line.group === group && line.part === part && !line.old && line.x.length);
        if (of.length < 2) continue;
        const mean = { ...groupLine(of, panel.log), ids: of.flatMap((line) => line.ids), group, label, color, part,
          quiet: of[0].quiet, mean: true };
        const best = mean.y.indexOf(panel.better === 'less' ? Math.min(...mean.y) : Math.max(...mean.y));
        drawn.push({ ...mean, best: panel.better ? [mean.x[best], mean.y[best]] : null });
      }
    }
    const depth = (line) => (line.mean ? 4 : line.member ? 0 : 2) + !line.quiet;
    panel.drawn = drawn.sort((a, b) => depth(a) - depth(b));
    return panel.drawn;
  }

  scale(panel) { // What is in view, and where: y in powers of ten on a logarithmic axis.
    const { width, height } = panel.size, [wide, tall] = [width - LEFT - RIGHT, height - TOP - BOTTOM];
    const unit = panel.log ? Math.log10 : (value) => value, back = panel.log ? (v) => 10 ** v : unit;
    const all = panel.pairs ? this.lines(panel).flatMap(({ x }) => [Math.min(...x), Math.max(...x)]) : this.extent;
    let [low, high] = this.zoomed(panel) ?? [Math.min(...all), Math.max(...all)];
    if (!(high > low)) [low, high] = [low - 0.5, low + 0.5];
    if (panel.fitted?.low !== low || panel.fitted.high !== high) {
      panel.fitted = { low, high, y: this.fitted(panel, low, high, unit) };
    }
    const [bottom, top] = this.zoom.y[panel.name]?.map(unit) ?? panel.fitted.y;
    return { low, high, bottom, top, wide, tall, back, right: LEFT + wide, foot: TOP + tall,
      x: (value) => LEFT + (wide * (value - low)) / (high - low),
      y: (value) => TOP + tall * (1 - (unit(value) - bottom) / (top - bottom)),
      atX: (place) => low + ((place - LEFT) / wide) * (high - low),
      atY: (place) => back(top - ((place - TOP) / tall) * (top - bottom)) };
  }

  zoomed(panel) { return panel.pairs ? this.zoom.own[panel.name] : this.zoom.x; }

  fitted(panel, low, high, unit) { // The range of what is between two x, without outliers.
    const found = [];
    for (const { x, y, low: least, high: most, member, quiet } of this.lines(panel)) {
      if (member && quiet) continue;
      const [from, to] = panel.pairs ? [0, x.length - 1] : [Math.max(0, before(x, low)), before(x, high) + 1];
      for (const values of least ? [y, least, most] : [y]) found.push(...values.slice(from, to + 1));
    }
    const known = Float64Array.from(found.map(unit).filter(Number.isFinite)).sort();
    if (!known.length) return [0, 1];
    const [least, p1, p99, most] = [0, 0.01, 0.99, 1].map((share) => known[Math.round(share * (known.length - 1))]);
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
    for (const row of panel.nodes.rows ?? []) row.classList.toggle('lifted', this.isLifted(row));
    panel.nodes.note.textContent = panel.note;
    if (!panel.values) this.plot(panel);
  }

  plot(panel) {
    const { section, canvas, note, chip, fit } = panel.nodes, phone = this.body.clientWidth < PHONE;
    const tall = section.classList.contains('large') ? innerHeight - 90 : phone ? 236 : panel.wide ? 340 : 270;
    panel.size = { width: section.clientWidth, height: tall };
    const dense = Math.max(1, devicePixelRatio), pen = canvas.getContext('2d');
    Object.assign(canvas, { width: panel.size.width * dense, height: tall * dense });
    canvas.style.height = `${tall}px`;
    pen.fillStyle = this.style.getPropertyValue('--st-background-color');
    this.body.classList.toggle('dark', parseInt(pen.fillStyle.slice(1, 3), 16) < 128);
    pen.scale(dense, dense);
    this.paint(panel, pen);
    const zoom = this.zoomed(panel), cut = panel.cut && !this.whole.has(panel.name);
    chip.hidden = !zoom;
    chip.textContent = zoom ? `${this.range(panel, zoom)} ×` : '';
    fit.ariaPressed = String(Boolean(zoom || this.zoom.y[panel.name] || this.whole.has(panel.name)));
    note.textContent = [panel.note, cut ? 'cut at the 99th percentile' : ''].filter(Boolean).join(' · ');
    canvas.ariaLabel = this.sentence(panel);
    this.readout(panel);
  }

  paint(panel, pen, still = false) {
    const token = (name) => this.style.getPropertyValue(`--${name}`), scale = this.scale(panel);
    const lines = this.lines(panel), front = lines.filter((line) => this.isLifted(line));
    Object.assign(pen, { font: FONT, textBaseline: 'middle', lineJoin: 'round', globalAlpha: 1, lineWidth: 1,
      strokeStyle: token('grid'), fillStyle: token('text-3') });
    axes(pen, scale, panel.log, panel.pairs ? 'metric' : this.data.axis);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT - 2, TOP - 4, scale.wide + 4, scale.tall + 6);
    pen.clip();
    for (const line of [...lines.filter((each) => !front.includes(each)), ...front]) {
      this.stroke(panel, pen, scale, line, token);
    }
    pen.restore();
    for (const line of lines) this.dots(pen, scale, line, token('ground'));
    if (still) return;
    if (this.drag) this.shade(panel, pen, scale, token);
    if (this.cursor) this.crosshair(panel, pen, scale, token);
  }

  isLifted(line) { return line.ids.some((id) => this.lifted.has(id)); }

  fade(line) { return this.lifted.size && !this.isLifted(line) ? 0.25 : 1; }

  isAlone(line) { return this.lifted.size === 1 && line.ids.length === 1 && this.isLifted(line); }

  stroke(panel, pen, scale, line, token) {
    const alone = this.isAlone(line), marked = alone && panel.many;
    if (line.member && line.quiet && !alone) return;
    const usual = line.old ? 0.3 : line.quiet ? 0.45 : line.member ? (panel.many ? 0.2 : 0.35) : 1;
    const alpha = alone && !line.old ? (line.quiet ? 0.7 : 1) : usual * this.fade(line);
    const width = line.quiet || line.old ? 1 : line.member && !alone ? 0.75 : 1.9;
    if (line.low && !line.quiet && !line.member && (!line.mean || this.data.spread === 'std')) {
      band(pen, scale, line, line.color, 0.18 * this.fade(line));
    }
    if (marked) trace(pen, scale, line, token('ground'), width + 5, 0.9);
    trace(pen, scale, line, marked ? token('text') : line.color, width, alpha);
  }

  dots(pen, scale, line, ground) { // The best point, and marks where values were not finite.
    pen.globalAlpha = this.fade(line);
    const [x, y] = line.best ? [scale.x(line.best[0]), scale.y(line.best[1])] : [];
    const inside = x >= LEFT - 1 && x <= scale.right + 1 && y >= TOP - 4 && y <= scale.foot + 2;
    if (inside && !line.quiet && (!line.member || this.isAlone(line))) dot(pen, x, y, 3.5, line.color, ground);
    for (const place of line.odd ? Array.from(line.odd, scale.x) : []) {
      if (place >= LEFT && place <= scale.right) mark(pen, place, scale.foot, line.color);
    }
  }

  shade(panel, pen, scale, token) { // All but the range that is being dragged.
    const { panel: from, x, y } = this.drag;
    if (from !== panel && (!x || from.pairs || panel.pairs)) return;
    const [left, right] = x ? x.map(scale.x) : [LEFT, scale.right];
    const [bottom, top] = y && from === panel ? y.map(scale.y) : [scale.foot, TOP - 4];
    Object.assign(pen, { globalAlpha: 0.6, fillStyle: token('ground') });
    pen.fillRect(LEFT - 2, 0, left - LEFT + 2, scale.foot);
    pen.fillRect(right, 0, scale.right - right + 3, scale.foot);
    pen.fillRect(left, 0, right - left, top);
    pen.fillRect(left, bottom, right - left, scale.foot - bottom);
    Object.assign(pen, { globalAlpha: 1, strokeStyle: token('accent'), lineWidth: 1.5 });
    pen.strokeRect(left, top, right - left, bottom - top);
    const text = x ? this.range(panel, x) : y.map(number).join(' to '), wide = pen.measureText(text).width + 16;
    pen.fillStyle = token('fill');
    pen.fillRect((left + right - wide) / 2, top + 4, wide, 18);
    Object.assign(pen, { fillStyle: '#fff', textAlign: 'center' });
    pen.fillText(text, (left + right) / 2, top + 13);
  }

  crosshair(panel, pen, scale, token) {
    const { x: at, panel: from } = this.cursor;
    if (at < scale.low || at > scale.high || (from !== panel && (from.pairs || panel.pairs))) return;
    Object.assign(pen, { globalAlpha: 1, lineWidth: 1, strokeStyle: token('text-3') });
    rule(pen, scale.x(at), TOP - 4, scale.x(at), scale.foot);
    for (const { cells, color } of this.rows(panel)) {
      for (const { y } of Object.values(cells)) {
        const place = scale.y(y);
        if (place > TOP - 4 && place < scale.foot + 2) dot(pen, scale.x(at), place, 3, color, token('ground'));
      }
    }
  }

  rows(panel) { // What each run and group says at the crosshair, best first.
    const at = this.cursor.x, found = new Map();
    for (const line of this.lines(panel)) {
      if (line.old || (line.member && !this.isAlone(line))) continue;
      const key = line.mean ? line.group : line.ids[0], odd = line.odd ?? [];
      if (!found.has(key)) found.set(key, { ...line, key, cells: {}, end: -Infinity });
      const row = found.get(key), i = panel.pairs ? line.x.indexOf(at) : before(line.x, at);
      const strange = before(odd, at), isOdd = strange >= 0 && !(odd[strange] < line.x[i]);
      row.end = Math.max(row.end, last(line.x) ?? row.end, last(odd) ?? row.end);
      if (i < 0 && !isOdd) continue;
      row.cells[line.part] = { y: line.y[i] ?? NaN, std: line.mean ? line.high[i] - line.y[i] : null,
        odd: isOdd ? line.kinds[strange] : '' };
    }
    const lead = ({ cells }) => panel.parts.map((part) => cells[part]?.y).find(Number.isFinite);
    const sign = panel.better === 'less' ? 1 : -1, worst = sign * Infinity;
    return [...found.values()].filter((row) => (panel.pairs || row.end >= at) && Object.keys(row.cells).length)
      .sort((a, b) => sign * ((lead(a) ?? worst) - (lead(b) ?? worst)) || 0);
  }

  readout(panel) {
    const { box, canvas } = panel.nodes, phone = this.body.classList.contains('phone');
    const here = this.cursor && !this.drag && (this.cursor.panel === panel || (phone && !panel.pairs));
    const rows = here ? this.rows(panel) : [], spread = rows.some((row) => row.mean);
    if (!rows.length) return box.replaceChildren();
    const shown = rows.filter((row, i) => i < BEST || rows.length === BEST + 1 || this.isLifted(row) || row.key === this.near);
    const parts = panel.parts.filter((part) => rows.some(({ cells }) => cells[part]));
    const head = [this.place(panel, this.cursor.x)], lines = shown.map((row) => [row]);
    parts.forEach((part, number_) => {
      head.push(part, ...(spread && !number_ ? [''] : []));
      for (const line of lines) {
        const { y, std, odd } = line[0].cells[part] ?? {};
        line.push(y === undefined ? '–' : [Number.isFinite(y) ? number(y) : '', odd].join(' ').trim());
        if (spread && !number_) line.push(std === null || std === undefined ? '' : `±${number(std)}`);
      }
    });
    const more = rows.length - shown.length, x = this.scale(panel).x(this.cursor.x);
    box.replaceChildren(table(head, lines, (row) => this.isLifted(row)), ...(more ? [element('small', {}, `${more} more`)] : []));
    const isLeft = x < canvas.clientWidth / 2;
    return Object.assign(box.style, { left: isLeft ? '' : `${LEFT + 6}px`, right: isLeft ? `${RIGHT}px` : '' });
  }

  place(panel, x) { // What the head of the readout says of a place.
    const { axis, width, title } = this.data, from = x - (width - 1) / 2;
    if (panel.pairs) return `${panel.title} ${number(x)}`;
    if (axis === 'wall') return moment(x, 0);
    if (axis === 'step' && width > 1) return `step ${number(from)}–${number(from + width - 1)}`;
    return axis === 'relative' ? duration(x) : axis === 'share' ? `${+x.toFixed(1)} % of training` : `${title} ${number(x)}`;
  }

  range({ pairs }, [from, to]) {
    const texts = { relative: duration, wall: (x) => moment(x, to - from), share: (x) => `${+x.toFixed(1)} %`,
      step: (x) => number(Math.round(x)) };
    const text = (!pairs && texts[this.data.axis]) || number;
    return `${!pairs && this.data.axis === 'step' ? 'steps ' : ''}${text(from)} to ${text(to)}`;
  }

  sentence(panel) { // The panel for who cannot see it.
    const lines = this.lines(panel).filter((line) => !line.quiet && !line.member && !line.old && line.best);
    const sign = panel.better === 'less' ? 1 : -1, best = lines.sort((a, b) => sign * (a.best[1] - b.best[1]))[0];
    const count = new Set(this.lines(panel).flatMap(({ ids }) => ids)).size;
    const found = best ? `; best ${number(best.best[1])}, ${best.label}, ${this.place(panel, best.best[0])}` : '';
    return `${panel.name} over ${panel.title ?? this.data.title}: ${count} ${count === 1 ? 'run' : 'runs'}${found}`;
  }

  point(panel, px, py) { // The crosshair goes to the nearest point; a line close by is lifted.
    const scale = this.scale(panel), at = scale.atX(px), aims = [];
    for (const line of this.lines(panel)) {
      if (line.old || !line.x.length || (line.member && line.quiet)) continue;
      const first = panel.pairs ? 0 : Math.max(0, before(line.x, at));
      line.x.slice(first, panel.pairs ? undefined : first + 2).forEach((x, i) => {
        const y = panel.pairs ? line.y[i] : between(line.x, line.y, at), gap = Math.abs(scale.y(y) - py);
        const side = Math.abs(scale.x(x) - px);
        aims.push({ line, x, side, gap: Number.isFinite(gap) ? (panel.pairs ? Math.hypot(side, gap) : gap) : Infinity });
      });
    }
    const least = (name) => aims.reduce((best, aim) => (best && best[name] <= aim[name] ? best : aim), null);
    const near = least('gap'), cursor = panel.pairs ? near : least('side');
    this.cursor = cursor && { panel, x: cursor.x };
    this.near = near && (near.line.mean ? near.line.group : near.line.ids[0]);
    this.hover(near?.gap < NEAR ? near.line.ids : []);
    this.redraw();
  }

  step(panel, sign) { // The crosshair to the next point of any line.
    const { low, high } = this.scale(panel), at = this.cursor?.x ?? (sign > 0 ? low : high);
    const next = this.lines(panel).flatMap(({ x }) => [...x]).filter((x) => sign * (x - at) > 0 && x >= low && x <= high);
    if (next.length) this.cursor = { panel, x: sign * Math.min(...next.map((x) => sign * x)) };
    this.redraw();
  }

  hover(ids) { // Lift runs here and tell the other components.
    const before = [...this.lifted].join();
    this.lift(ids);
    if ([...this.lifted].join() === before) return;
    window.dispatchEvent(new CustomEvent('tracker:hover', { detail: { ids: [...this.lifted], from: this } }));
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
    if (x && x[1] > x[0]) Object.assign(this.zoom, panel.pairs ? { own: { ...this.zoom.own, [panel.name]: x } } : { x });
    if (y && y[1] > y[0]) this.zoom.y = { ...this.zoom.y, [panel.name]: y };
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

  open(panel) { // Values instead of the picture, or the picture again.
    const { canvas, values, table: button } = panel.nodes;
    canvas.hidden = !canvas.hidden;
    values.hidden = !canvas.hidden;
    button.ariaPressed = String(canvas.hidden);
    const lines = this.lines(panel).filter(({ old }) => !old);
    values.replaceChildren(table(['run', 'part', 'last', 'best', 'at'], lines.map((line) => [line, line.part,
      number(last(line.y) ?? NaN), ...(line.best ? [number(line.best[1]), this.place(panel, line.best[0])] : ['–', '–'])])));
  }
}

function table(head, rows, isLifted = () => false) { // Each row: a line, then texts.
  const body = rows.map(([line, ...texts]) => {
    const sign = element('i', { className: line.mean ? 'group' : '' });
    sign.style.background = line.color;
    return element('tr', { className: isLifted(line) ? 'lifted' : '' }, element('td', { title: line.label }, sign, line.label),
      ...texts.map((text) => element('td', { className: text[0] === '±' ? 'spread' : '' }, text)));
  });
  const top = element('thead', {}, element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text))));
  return element('table', {}, top, element('tbody', {}, ...body));
}
