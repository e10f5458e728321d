// A panel's drawing: axes and their ticks, and the paths of lines.

const LEFT = 46, RIGHT = 18, TOP = 10, BOTTOM = 24; // Around a plot, in pixels.
const WIDTH = 552, HEIGHT = 270; // Of a panel that is not laid out.
const EDGE = 5, FAR = 1e6; // How far lines are drawn over its edge, and how far points lie.
const CUT = 2; // Outliers are so many times the range of the usual values away from them.
const UNIT = 8; // Of a pixel, in paths: whole numbers are written and read quickly.
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
  ...[1, 2, 3, 6, 12, 24, 48, 120, 240].map((hours) => 3600 * hours)];

function before(values, limit, low = 0, high = values.length) { // The last up to a limit, or -1.
  const middle = (low + high) >> 1;
  if (low === high) return low - 1;
  return values[middle] <= limit ? before(values, limit, middle + 1, high)
    : before(values, limit, low, middle);
}

function span({ x }, { low, high }, pairs) { // The points of a line that are drawn, by number.
  if (pairs) return [0, x.length];
  return [Math.max(0, before(x, low)), Math.min(x.length, before(x, high) + 2)];
}

// Lines of training of a group's runs are seen only where one of them alone is pointed at.
const isBehind = ({ role, quiet }) => role === 'member' && quiet;

function fitted({ log, pairs }, lines, x, isWhole) { // The range of y between two x.
  const found = lines.filter((line) => !isBehind(line)).flatMap((line) => {
    const { y, low = y, high = [] } = line, ends = span(line, x, pairs);
    return [...low.slice(...ends), ...high.slice(...ends)];
  });
  const known = Float64Array.from(found, log ? Math.log10 : Number).filter(Number.isFinite).sort();
  const [least, p1, p99, most] = [0, 0.01, 0.99, 1].map((share) =>
    known[Math.round(share * (known.length - 1))] ?? share);
  const far = Math.max(most - p99, p1 - least), usual = p99 - p1;
  const isCut = !isWhole && usual > 0 && far > CUT * usual;
  const [bottom, top] = isCut ? [p1, p99] : [least, most];
  const room = 0.05 * (top - bottom) || Math.abs(top) / 10 || 0.5;
  const start = !log && bottom >= 0 && bottom < room ? 0 : bottom - room;
  return { isCut, ends: [start, top + room].map((end) => (log ? 10 ** end : end)) };
}

// Where a logarithm has no place, below zero and at it, is far below the plot.
function axis([low, high], from, to, isLog, floor = 0) { // From values to pixels, and back.
  const unit = isLog ? (value) => Math.log10(Math.max(value, floor)) : Number;
  const start = unit(low), each = (to - from) / (unit(high) - start);
  const at = (pixel) => start + (pixel - from) / each;
  return { low, high, from, to, isLog, at: isLog ? (pixel) => 10 ** at(pixel) : at,
    place: (value) => (Math.abs(value) < Infinity
      ? Math.max(-FAR, Math.min(FAR, from + (unit(value) - start) * each)) : NaN) };
}

function xText(kind, x, length = 0) { // A place on an axis, which spans so much.
  const texts = { relative: duration, wall: (at) => moment(at, length),
    share: (at) => `${+at.toFixed(1)} %`, step: (at) => number(Math.round(at)) };
  return (texts[kind] ?? number)(x);
}

function ticks({ low, high, isLog }, count, kind) { // Round values on an axis, and their texts.
  if (isLog && high / low > 20) return powers(low, high);
  const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  const isTime = kind === 'relative' || kind === 'wall', times = isTime && raw >= 1 ? SECONDS : [];
  const round = [...times, ...[1, 2, 5, 10].map((factor) => factor * power)];
  const step = Math.max(round.find((one) => one >= 0.999 * raw), kind === 'step' ? 1 : 0);
  const first = Math.ceil(low / step - 1e-9), end = Math.floor(high / step + 1e-9);
  const values = Array.from({ length: end - first + 1 }, (_, i) => (first + i) * step);
  return values.map((value) => [value, isTime ? xText(kind, value, high - low)
    : short(value, step) + (kind === 'share' ? ' %' : '')]);
}

function powers(low, high) { // Ticks of a logarithmic axis.
  const digits = high / low < 1000 ? [1, 2, 5] : [1];
  const exponents = { low: Math.floor(Math.log10(low)), high: Math.log10(high) };
  const values = ticks(exponents, 8, 'step').flatMap(([n]) => digits.map((one) => +`${one}e${n}`));
  return values.filter((value) => value >= low && value <= high)
    .map((value) => [value, short(value, value)]);
}

function grid({ x, y, axis: kind }) { // Both axes as markup.
  const beside = ticks(y, (y.from - y.to) / 40).map(([value, text]) => {
    const top = y.place(value).toFixed(1);
    return `<path d="M${x.from} ${top}H${x.to}"/>`
      + `<text class="y" x="${LEFT - 8}" y="${top}" dy=".35em">${text}</text>`;
  });
  const below = ticks(x, (x.to - x.from) / (kind === 'wall' ? 90 : 56), kind).map(([value, text]) =>
    `<text x="${x.place(value).toFixed(1)}" y="${y.from + 13}" dy=".35em">${text}</text>`);
  return [...beside, ...below].join('');
}

function path(count, x, y) { // Through places by number; it is broken where y is not a number.
  let d = '', down = false;
  for (let i = 0; i < count; i++) {
    const top = Math.round(UNIT * y(i)), isThere = !Number.isNaN(top);
    if (isThere) d += `${down ? 'L' : 'M'}${Math.round(UNIT * x(i))} ${top}${down ? '' : 'h0'}`;
    down = isThere;
  }
  return d;
}

const shapes = { // Of a line whose points from one number to another are in view.
  trace: (line, { x, y }, from, to) =>
    path(to - from, (i) => x.place(line.x[from + i]), (i) => y.place(line.y[from + i])),
  band(line, { x, y }, from, to) {
    const count = to - from, there = (i) => from + (i < count ? i : 2 * count - 1 - i);
    return path(2 * count, (i) => x.place(line.x[there(i)]),
      (i) => y.place((i < count ? line.low : line.high)[there(i)]));
  },
  best: ({ best: [at, value] }, { x, y }) => path(1, () => x.place(at), () => y.place(value)),
  odd: (line, { x, y }, from, to) => Array.from(line.x.slice(from, to), (at, i) => // A triangle.
    (Math.abs(line.y[from + i]) < Infinity ? '' : `M${Math.round(UNIT * (x.place(at) - 4))} `
      + `${UNIT * (y.from - 8)}h${8 * UNIT}l${-4 * UNIT} ${7 * UNIT}z`)).join(''),
};

function draw(panel, lines) { // The panel has its axes, x and y.
  const { drawing, x, y, pairs } = panel, frame = drawing.querySelector('.lines');
  const box = [x.from - EDGE, y.to - EDGE, x.to - x.from + 2 * EDGE, y.from - y.to + 2 * EDGE];
  ['x', 'y', 'width', 'height'].forEach((name, i) => frame.setAttribute(name, box[i]));
  frame.setAttribute('viewBox', box.map((side) => UNIT * side).join(' '));
  drawing.querySelector('.axes').innerHTML = grid(panel);
  for (const line of lines) {
    const [from, to] = span(line, x, pairs);
    for (const mark of line.node.children) {
      mark.setAttribute('d', shapes[mark.classList[0]](line, panel, from, to));
    }
  }
}
