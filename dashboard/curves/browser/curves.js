// Panels of curves that share an x range, a crosshair and the run under the pointer.
// The server makes the markup and says which marks a line has (markup.py), and sends the points
// (encoding.py); curves.css says how they look. Here is where they are, and what moves them.

const NEAR = 14;

function decoded(bytes) { // A head in JSON, and the float32 columns that it has the places of.
  const whole = bytes.slice().buffer, size = new DataView(whole).getUint32(0, true);
  const floats = new Float32Array(whole, 4 + size);
  const column = ([from, count, origin]) =>
    new Float64Array(floats.subarray(from, from + count)).map((value) => value + origin);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, size)),
    (_, value) => (value?.column ? column(value.column) : value));
}

const idsOf = (node) => node?.dataset.ids.split(' ') ?? [];

class Curves {
  constructor(body) {
    Object.assign(this, { body, lifted: new Set(), pinned: [], style: getComputedStyle(body) });
    this.ears = hearRuns(this, { hover: (ids) => this.lift(ids),
      visible: (ids) => this.forget(this.shown = new Set(ids)) });
    body.onclick = ({ target }) => this.act(target);
    body.onpointerover = ({ target }) => {
      if (!target.closest('.plot')) this.hover(idsOf(target.closest('[data-ids]')));
    };
    body.onpointerleave = ({ pointerType }) => pointerType === 'touch' || this.hover([]);
    this.size = new ResizeObserver(() => this.forget());
    this.size.observe(body);
    this.sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) target.isSeen = isIntersecting;
      this.redraw();
    });
  }

  close() {
    this.ears.abort();
    this.size.disconnect();
    this.sight.disconnect();
  }

  update(bytes) {
    const data = decoded(bytes);
    if (data.axis !== this.data?.axis) this.zoom = data.zoom;
    if (data.html !== this.data?.html) this.build(data.html);
    this.data = data;
    data.panels.forEach((panel, i) => {
      panel.section = this.sections[i];
      panel.find = (part) => panel.section.querySelector(part);
      for (const [part, html] of Object.entries(panel.html)) panel.find(part).innerHTML = html;
      panel.drawing = panel.find('.drawing');
      panel.drawing?.setAttribute('aria-label', panel.label);
      panel.lines.forEach((line, n) => Object.assign(line, data.entries[line.of],
        { node: panel.find('.lines').children[n] }));
    });
    this.forget();
  }

  build(html) { // The markup of the server, whose texts are escaped.
    this.sight.disconnect();
    this.body.innerHTML = html;
    this.sections = [...this.body.querySelectorAll('.panel')];
    this.sections.forEach((section, i) => {
      const drawing = section.querySelector('.drawing');
      if (drawing) listen(this, drawing, () => this.data.panels[i]);
      this.sight.observe(section);
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
    const heights = this.zoom.y[name] ?? fitted(panel, this.lines(panel), x);
    const y = axis(heights, tall - BOTTOM, TOP, panel.log);
    return Object.assign(panel, { size: [wide, tall], x, y });
  }

  forget() { // Other lines, another range or size: measure and draw anew.
    for (const panel of this.data.panels) panel.y = panel.isDrawn = null;
    this.mark();
    this.redraw();
  }

  mark() { // Which elements stand for runs that are shown, and which for those that are lifted.
    for (const node of this.body.querySelectorAll('[data-ids]')) {
      node.toggleAttribute('hidden', !this.isShown(idsOf(node)));
      node.classList.toggle('lifted', this.isLifted(idsOf(node)));
    }
    this.body.dataset.lifted = Math.min(2, this.lifted.size);
  }

  redraw() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      const seen = this.data.panels.filter(({ drawing, section }) => drawing && section.isSeen);
      for (const panel of seen) this.scale(panel); // All are measured before one is drawn.
      for (const panel of seen) this.render(panel);
    });
  }

  render(panel) {
    if (!panel.isDrawn) {
      const zoom = this.zoom.x[panel.range];
      draw(panel, this.lines(panel));
      panel.find('.chip').textContent = zoom ? `${rangeText(panel, zoom)} ×` : '';
      panel.find('.fit').ariaPressed = this.isZoomed(panel) || panel.section.matches('.whole');
      panel.isDrawn = true;
    }
    readout(this, panel);
    shade(this, panel);
  }

  point(panel, px, py) { // The crosshair goes to the nearest point; a line close by is lifted.
    const { range, pairs } = panel;
    const aims = aimsAt(this.lines(panel), this.scale(panel), px, py);
    const least = (key) => aims.reduce((best, aim) => (aim[key] < best[key] ? aim : best), aims[0]);
    const near = least('gap'), aim = pairs ? near : least('side');
    this.cursor = aim && { range, x: aim.x, of: near.line.of };
    this.hover(near?.gap < NEAR ? near.line.ids : []);
  }

  step(panel, sign) { // The crosshair to the next point of any line.
    const { x: { low, high }, range } = this.scale(panel);
    const at = this.cursor?.x ?? (sign > 0 ? low : high);
    const next = this.lines(panel).flatMap(({ x }) => [...x])
      .filter((x) => sign * (x - at) > 0 && x >= low && x <= high).map((x) => sign * x);
    if (next.length) this.cursor = { range, x: sign * Math.min(...next) };
    this.redraw();
  }

  hover(ids) { // Lift runs here, and tell the other components.
    if (this.lift(ids)) tellRuns(this, 'hover', [...this.lifted]);
  }

  lift(ids) { // Whether others are lifted than before.
    const before = [...this.lifted].join();
    this.lifted = new Set(ids.length ? ids : this.pinned);
    const isNew = [...this.lifted].join() !== before;
    if (isNew) this.mark();
    this.redraw();
    return isNew;
  }

  leave() {
    this.cursor = null;
    this.hover([]);
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
    this.zoom = { x: {}, y: {} };
    this.pinned = [];
    this.hover([]);
    this.keep();
  }

  keep() { // Draw, and tell the server once the hand rests.
    this.forget();
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.send('zoom', { ...this.zoom, axis: this.data.axis }), 300);
  }

  fit(panel) { // Undo the zoom; where there is none, show or cut the outliers.
    if (this.isZoomed(panel)) return this.reset();
    panel.section.classList.toggle('whole');
    return this.forget();
  }

  enlarge({ section, drawing }) {
    section.classList.toggle('large');
    drawing?.focus();
    this.forget();
  }

  table({ section }, button) { button.ariaPressed = section.classList.toggle('as-table'); }

  savePng(panel) { savePage(pageAlone(this.style, drawingOf(this, panel)), `${panel.name}.png`); }

  saveSvg(panel) { save('image/svg+xml', drawingOf(this, panel), `${panel.name}.svg`); }

  saveHtml() { save('text/html', viewOf(this), 'curves.html'); }

  saveView() { savePage(viewOf(this), 'curves.png', `${this.body.clientWidth + 48}px`); }
}

export default mounting(Curves, 'curves');
