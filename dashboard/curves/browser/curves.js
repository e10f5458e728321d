// Panels of curves that share an x range, a crosshair and the run under the pointer.
// The server makes the markup (markup.py), says what is drawn and written (marks.py), and sends the
// points (encoding.py); curves.css says how lines look. Here is where they are and what moves them.

function decoded(bytes) { // A head in JSON, and the float32 columns that its lines name by number.
  const whole = bytes.slice().buffer, size = new DataView(whole).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, size)));
  const floats = new Float32Array(whole, 4 + size);
  const columns = head.columns.map(([from, count, origin]) =>
    new Float64Array(floats.subarray(from, from + count)).map((value) => value + origin));
  for (const line of head.panels.flatMap(({ lines }) => lines)) {
    for (const [name, column] of Object.entries(line.columns)) line[name] = columns[column];
  }
  return head;
}

const idsOf = (node) => node?.dataset.ids.split(' ') ?? [];

class Curves {
  constructor(body) {
    Object.assign(this, { body, lifted: new Set(), pinned: [], whole: new Set() });
    this.hearing = hearRuns(this, { hover: (ids) => this.lift(ids, false),
      visible: (ids) => this.forget(this.shown = new Set(ids)) });
    body.onclick = ({ target }) => this.act(target);
    body.onpointerover = ({ target }) => {
      if (!target.closest('.plot')) this.lift(idsOf(target.closest('[data-ids]')));
    };
    body.onpointerleave = ({ pointerType }) => pointerType === 'touch' || this.lift([]);
    this.resting = new Resting(300, () => this.send('zoom', structuredClone(this.zoom)));
    this.size = new ResizeObserver(() => this.forget());
    this.sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) target.isSeen = isIntersecting;
      this.redraw();
    });
  }

  close() {
    for (const one of [this.hearing, this.resting]) one.abort();
    for (const observer of [this.size, this.sight]) observer.disconnect();
  }

  update(bytes) {
    const data = decoded(bytes);
    if (data.axis !== this.zoom?.axis) this.zoom = { ...data.zoom, axis: data.axis };
    if (data.html !== this.data?.html) this.build(data.html);
    this.data = data;
    data.panels.forEach((panel, i) => {
      const section = panel.section = this.sections[i];
      panel.find = (part) => section.querySelector(part);
      for (const [part, html] of Object.entries(panel.html)) fill(panel.find(part), html);
      panel.drawing = panel.find('.drawing');
      panel.drawing?.setAttribute('aria-label', panel.label);
      for (const g of section.querySelectorAll('.lines > g')) panel.lines[g.dataset.n].node = g;
      for (const line of panel.lines) Object.assign(line, data.entries[line.of]);
      for (const cell of section.querySelectorAll('[data-at]')) {
        cell.textContent = placeText(panel, Number(cell.dataset.at));
      }
    });
    this.forget();
  }

  build(html) { // The markup of the server, whose texts are escaped.
    for (const observer of [this.size, this.sight]) observer.disconnect();
    this.body.innerHTML = html;
    this.sections = [...this.body.querySelectorAll('.panel')];
    this.sections.forEach((section, i) => {
      const drawing = section.querySelector('.drawing');
      if (!drawing) return;
      for (const observer of [this.size, this.sight]) observer.observe(drawing);
      listen(this, drawing, () => this.data.panels[i]);
    });
  }

  act(target) { // What a button is for is the name of a method.
    const button = target.closest('[data-act]'), section = target.closest('.panel');
    if (button) this[button.dataset.act](this.data.panels[this.sections.indexOf(section)], button);
    if (button || target.closest('a')) target.closest('.menu')?.removeAttribute('open');
  }

  isShown(ids) { return !this.shown || ids.some((id) => this.shown.has(id)); }

  isLifted(ids) { return ids.every((id) => this.lifted.has(id)); }

  isAlone({ ids }) { return this.lifted.size === 1 && this.isLifted(ids); }

  lines(panel) { return panel.lines.filter(({ ids }) => this.isShown(ids)); }

  scale(panel) { // The panel with its axes: where values are on its drawing.
    const { drawing, extent, range, name } = panel, isLog = panel.log_x;
    if (panel.y) return panel;
    const [wide, tall] = [drawing.clientWidth || WIDTH, drawing.clientHeight || HEIGHT];
    const x = axis(this.zoom.x[range] ?? extent, LEFT, wide - RIGHT, isLog, extent[0]);
    const own = this.zoom.y[name], { ends, isCut } = own ? { ends: own, isCut: false }
      : fitted(panel, this.lines(panel), x, this.whole.has(name));
    const y = axis(ends, tall - BOTTOM, TOP, panel.log);
    panel.section.classList.toggle('cut', isCut);
    return Object.assign(panel, { size: [wide, tall], x, y });
  }

  forget() { // Other lines, another range or size: measure and draw anew.
    for (const panel of this.data.panels) panel.y = panel.isDrawn = null;
    this.mark();
    this.redraw();
  }

  mark() { // Which elements stand for runs that are shown, and which for those that are lifted.
    for (const node of this.body.querySelectorAll('[data-ids]')) {
      const ids = idsOf(node), isLifted = node.classList.toggle('lifted', this.isLifted(ids));
      node.toggleAttribute('hidden', !this.isShown(ids));
      if (isLifted && node.matches('.lines > g')) node.parentNode.append(node); // In front.
    }
    this.body.dataset.lifted = Math.min(2, this.lifted.size);
  }

  redraw() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      const seen = this.data.panels.filter(({ drawing }) => drawing?.isSeen);
      for (const panel of seen) this.scale(panel); // All are measured before one is drawn.
      for (const panel of seen) this.render(panel);
    });
  }

  render(panel) {
    if (!panel.isDrawn) {
      const zoom = this.zoom.x[panel.range];
      draw(panel, this.lines(panel));
      panel.find('.chip').textContent = zoom ? `${rangeText(panel, zoom)} ×` : '';
      panel.find('.fit').ariaPressed = this.isZoomed(panel) || this.whole.has(panel.name);
      panel.isDrawn = true;
    }
    readout(this, panel);
    shade(this, panel);
  }

  point(panel, px, py) { // The crosshair goes to the nearest point; a line close by is lifted.
    const aims = aimsAt(this.lines(panel), this.scale(panel), px, py);
    const least = (key) => aims.reduce((best, aim) => (aim[key] < best[key] ? aim : best), aims[0]);
    const near = least('gap'), aim = panel.pairs ? near : least('side');
    this.cursor = aim && { range: panel.range, x: aim.x, of: near.line.of };
    this.lift(near?.gap < NEAR ? near.line.ids : []);
  }

  step(panel, sign) { // The crosshair to the next point of any line.
    const { x: { low, high }, range } = this.scale(panel);
    const at = this.cursor?.x ?? (sign > 0 ? low : high);
    const next = this.lines(panel).flatMap(({ x }) => [...x])
      .filter((x) => sign * (x - at) > 0 && x >= low && x <= high).map((x) => sign * x);
    if (next.length) this.cursor = { range, x: sign * Math.min(...next) };
    this.redraw();
  }

  lift(ids, isOwn = true) { // What is pointed at here is told to the other components.
    const before = [...this.lifted].join();
    this.lifted = new Set(ids.length ? ids : this.pinned);
    this.redraw();
    if ([...this.lifted].join() === before) return;
    this.mark();
    if (isOwn) tellRuns(this, 'hover', [...this.lifted]);
  }

  leave() {
    this.cursor = null;
    this.lift([]);
  }

  pin() { // Keep what is lifted in front until it is clicked again.
    this.pinned = this.pinned.join() === [...this.lifted].join() ? [] : [...this.lifted];
  }

  isZoomed({ range, name }) { return Boolean(this.zoom.x[range] || this.zoom.y[name]); }

  show({ range, name }, x, y) { // Zoom to ranges of x, in all panels that share it, and of y.
    if (x?.[1] > x?.[0]) this.zoom.x[range] = x;
    if (y?.[1] > y?.[0]) this.zoom.y[name] = y;
    this.keep();
  }

  reset() {
    this.zoom = { x: {}, y: {}, axis: this.data.axis };
    this.pinned = [];
    this.lift([]);
    this.keep();
  }

  keep() { // Draw, and tell the server once the hand rests.
    this.forget();
    this.resting.later();
  }

  fit(panel) { // Undo the zoom; where there is none, show or cut the outliers.
    if (this.isZoomed(panel)) return this.reset();
    this.whole[this.whole.has(panel.name) ? 'delete' : 'add'](panel.name);
    return this.forget();
  }

  enlarge({ section, drawing }) {
    section.classList.toggle('large');
    drawing?.focus();
  }

  table({ section }, button) { button.ariaPressed = section.classList.toggle('as-table'); }

  savePng(panel) { savePage(pageAlone(this.body, drawingOf(this, panel)), `${panel.name}.png`); }

  saveSvg(panel) { save('image/svg+xml', drawingOf(this, panel), `${panel.name}.svg`); }

  saveHtml() { save('text/html', viewOf(this), 'curves.html'); }

  saveView() { savePage(viewOf(this), 'curves.png', `${this.body.clientWidth + 48}px`); }
}

export default mounting(Curves, 'curves');
