// Parallel coordinates: a line for each run, colored by the objective; a drag on an axis is a range.
// `data` is that of parallel.py. Runs under the pointer are told by the window's `tracker:hover`.

const TOP = 40, HEIGHT = 186, BELOW = 26, LEAST = 92, GRIP = 28, LEFT = 68, CLICK = 0.02, NEAR = 12;
const GONE = -0.1; // Where a line passes an axis on which it has no value.

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const clamp = (value) => Math.min(1, Math.max(0, value));
// How high a line is between two axes, from its part of the way: the curve that `line` draws.
function eased(share) {
  let [low, high] = [0, 1];
  for (let i = 0; i < 12; i++) {
    const t = (low + high) / 2;
    if (1.5 * t * (1 - t) + t ** 3 < share) low = t; else high = t;
  }
  return 3 * low ** 2 - 2 * low ** 3;
}

const yOf = (place) => TOP + HEIGHT * (1 - place);

/** As much of a text as a width in pixels holds. */
function fit(text, width, isBold = false) {
  const pen = (fit.canvas ??= document.createElement('canvas').getContext('2d'));
  pen.font = isBold ? '600 12px "Source Sans", sans-serif' : '11px "Source Sans", sans-serif';
  if (pen.measureText(text).width <= width) return text;
  let end = Math.min(text.length, 100);
  while (end > 1 && pen.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

class Parallel {
  constructor(body) {
    Object.assign(this, { body, head: h('header'), tip: h('div', { class: 'tip' }) });
    this.scroll = h('div', { class: 'scroll', tabindex: 0 });
    body.replaceChildren(this.head, this.scroll, this.tip);
    this.resting = new Resting(250, () => this.send('ranges', { ...this.ranges }));
    this.hearing = hearRuns(this, { hover: (ids) => this.lift(ids) });
    this.size = new ResizeObserver(() => this.data && this.draw());
    this.size.observe(body);
  }

  close() {
    for (const one of [this.hearing, this.resting]) one.abort();
    this.size.disconnect();
  }

  update(data) {
    const isDue = this.resting.timer !== null; // What the hand did last is on its way to the server.
    this.ranges = isDue ? this.ranges : { ...data.ranges };
    this.data = data;
    this.body.style.setProperty('--worst', data.worst);
    this.draw();
  }

  draw() {
    const { axes, lines } = this.data;
    this.wide = Math.max(this.body.clientWidth - 2, LEAST * axes.length);
    const worstFirst = [...lines].sort((a, b) => (a.score ?? -1) - (b.score ?? -1));
    this.paths = worstFirst.map((line) => this.line(line));
    this.marks = axes.map((axis, i) => this.axis(axis, i));
    this.drawing = svg('svg', { width: this.wide, height: TOP + HEIGHT + BELOW, role: 'group',
      'aria-label': `Parallel coordinates of ${lines.length} runs by ${this.data.objective}` },
    svg('g', {}, ...this.paths), ...this.marks);
    this.drawing.onpointermove = (event) => this.point(event);
    this.drawing.onpointerleave = () => this.say(null);
    this.scroll.replaceChildren(this.drawing);
    this.mark();
  }

  x(i) {
    const { length } = this.data.axes;
    return length > 1 ? LEFT + ((this.wide - 2 * LEFT) * i) / (length - 1) : this.wide / 2;
  }

  line(line) { // A value that is missing is passed below its axis.
    const points = line.places.map((place, i) => [this.x(i), yOf(place ?? GONE)]);
    const path = points.map(([x, y], i) => {
      if (!i) return `M${x} ${y}`;
      const [px, py] = points[i - 1], middle = (px + x) / 2;
      return `C${middle} ${py} ${middle} ${y} ${x} ${y}`;
    }).join('');
    const mixed = `color-mix(in oklab, var(--accent) ${100 * line.score}%, var(--worst))`;
    const look = line.score === null ? { class: 'other' } : { stroke: mixed };
    const node = svg('path', { d: path, ...look });
    return Object.assign(node, { line });
  }

  axis({ title, ticks }, i) {
    const x = this.x(i), room = (this.wide - 2 * LEFT) / Math.max(1, this.data.axes.length - 1);
    const isLast = i && i === this.data.axes.length - 1;
    const texts = ticks.map(([place, text]) => svg('text', { x: isLast ? x - 7 : x + 7,
      y: yOf(place) + 4, 'text-anchor': isLast ? 'end' : 'start' }, fit(text, room - 16)));
    const grip = svg('rect', { class: 'grip', x: x - GRIP / 2, y: TOP - 6, width: GRIP,
      height: HEIGHT + 12 });
    const node = svg('g', { class: 'axis', tabindex: 0, role: 'slider', 'aria-label': title,
      'aria-orientation': 'vertical', 'aria-valuemin': 0, 'aria-valuemax': 100 },
    svg('line', { x1: x, x2: x, y1: TOP, y2: TOP + HEIGHT }), ...texts,
    svg('text', { class: `title ${isLast ? 'last' : i ? '' : 'first'}`,
      x: isLast ? this.wide - 6 : i ? x : 6, y: 18 }, fit(title, isLast || !i ? LEFT + room / 2 - 10 : room - 8, true)),
    svg('rect', { class: 'range', x: x - 6, width: 12, rx: 3 }), grip, svg('title', {}, title));
    this.drag(grip, title);
    node.onkeydown = (event) => this.key(event, title);
    return node;
  }

  drag(grip, title) {
    const place = (event) =>
      clamp((TOP + HEIGHT - event.clientY + this.drawing.getBoundingClientRect().top) / HEIGHT);
    let start = null;
    grip.onpointerdown = (event) => {
      start = place(event);
      grip.setPointerCapture(event.pointerId);
    };
    grip.onpointermove = (event) => {
      const end = place(event);
      if (start === null || Math.abs(end - start) < CLICK) return;
      this.set(title, [Math.min(start, end), Math.max(start, end)]);
    };
    grip.onpointerup = grip.onpointercancel = (event) => {
      if (Math.abs(place(event) - start) < CLICK) this.set(title, null);
      start = null;
    };
  }

  key(event, title) { // Up and down move the range, plus and minus change its width.
    const [low, high] = this.ranges[title] ?? [0, 1], wide = high - low;
    const at = (from, size) => [clamp(Math.min(from, 1 - size)), clamp(Math.min(from, 1 - size)) + size];
    const ranges = {
      ArrowUp: () => (wide === 1 ? [0.5, 1] : at(low + 0.05, wide)),
      ArrowDown: () => (wide === 1 ? [0, 0.5] : at(low - 0.05, wide)),
      '+': () => at(low - 0.05, Math.min(1, wide + 0.1)),
      '-': () => at(low + 0.05, Math.max(0.1, wide - 0.1)),
      Escape: () => null,
    };
    if (event.ctrlKey || event.metaKey || !ranges[event.key]) return;
    event.preventDefault();
    this.set(title, ranges[event.key]());
  }

  set(title, range) {
    if (range) this.ranges[title] = range;
    else delete this.ranges[title];
    this.mark();
    this.resting.later();
  }

  mark() { // Which lines lie in the ranges, and what the ranges are.
    const { axes, lines, objective, ends, others } = this.data;
    const bound = axes.flatMap(({ title }, i) =>
      (this.ranges[title] ? [[i, ...this.ranges[title]]] : []));
    const isIn = ({ places }) => bound.every(([i, low, high]) =>
      places[i] !== null && places[i] >= low && places[i] <= high);
    for (const path of this.paths) path.classList.toggle('out', !isIn(path.line));
    axes.forEach((axis, i) => {
      const [low, high] = this.ranges[axis.title] ?? [0, 0], rect = this.marks[i].querySelector('.range');
      rect.setAttribute('y', yOf(high));
      rect.setAttribute('height', HEIGHT * (high - low));
      this.marks[i].setAttribute('aria-valuenow', Math.round(50 * (low + (high || 1))));
      this.marks[i].setAttribute('aria-valuetext', high ? this.rangeText(axis, low, high) : 'all');
    });
    const chips = bound.map(([i, low, high]) => h('button', { type: 'button',
      title: 'Take the range away', onclick: () => this.set(axes[i].title, null) },
    `${axes[i].title} ${this.rangeText(axes[i], low, high)} ×`));
    const left = lines.filter(isIn).length;
    this.head.replaceChildren(h('h2', {}, 'Parallel coordinates'),
      h('span', {}, `colored by ${objective}`), h('span', {}, ends[0]),
      h('span', { class: 'ramp' }), h('span', {}, ends[1]),
      ...(others ? [h('span', {}, `gray: ${others}`)] : []), ...chips,
      h('span', { class: 'left' }, bound.length ? `${left} of ${lines.length}`
        : 'drag on an axis to choose'),
      h('button', { type: 'button', class: 'save', title: 'Save a picture (PNG)', onclick: () => this.save() }, 'PNG'));
  }

  save() {
    const page = partAlone(this.body, '.save, .tip');
    savePage(page, `parallel ${this.data.objective}.png`, `${this.wide + 50}px`);
  }

  rangeText({ ends, log, ticks }, low, high) {
    if (!ends) {
      return ticks.filter(([place]) => place >= low && place <= high).map(([, text]) => text).join(', ')
        || 'none';
    }
    const text = (place) => {
      const value = ends[0] + place * (ends[1] - ends[0]);
      return String(+(log ? 10 ** value : value).toPrecision(3));
    };
    return `${text(low)} to ${text(high)}`;
  }

  point(event) { // The line in the ranges that is nearest to the pointer.
    const box = this.drawing.getBoundingClientRect(), last = this.data.axes.length - 1;
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const i = Math.max(0, Math.min(last - 1, Math.floor((px - LEFT) / (this.x(1) - this.x(0)))));
    const share = eased(clamp((px - this.x(i)) / (this.x(i + 1) - this.x(i))));
    const gaps = this.paths.filter((path) => !path.classList.contains('out')).map(({ line }) => {
      const [from, to] = [i, Math.min(last, i + 1)].map((at) => yOf(line.places[at] ?? GONE));
      return [Math.abs(from + share * (to - from) - py), line];
    });
    const [gap, line] = gaps.reduce((best, one) => (one[0] < best[0] ? one : best), [NEAR, null]);
    if (event.buttons || gap >= NEAR) return this.say(null);
    this.say(line);
    const at = this.body.getBoundingClientRect();
    this.tip.style.top = `${event.clientY - at.top + 14}px`;
    return this.tip.style.left = `${Math.min(event.clientX - at.left + 12, at.width - 200)}px`;
  }

  say(line) { // Lift a line here and in the other components.
    const ids = line ? [line.key] : [];
    if (this.tip.textContent === (line?.label ?? '')) return;
    this.tip.textContent = line?.label ?? '';
    this.lift(ids);
    tellRuns(this, 'hover', ids);
  }

  lift(ids) {
    for (const path of this.paths ?? []) path.classList.toggle('near', ids.includes(path.line.key));
    this.drawing?.classList.toggle('dimmed', this.paths.some((path) => ids.includes(path.line.key)));
  }
}

export default mounting(Parallel, 'parallel');
