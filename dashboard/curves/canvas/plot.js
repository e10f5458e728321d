// Axes, the texts of figures, and pens: nothing here knows of runs or of the page.

const LEFT = 46, RIGHT = 18, TOP = 10, BOTTOM = 24; // Around a plot, in pixels.
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
  43200];
const COMPACT = new Intl.NumberFormat('en-US',
  { notation: 'compact', maximumSignificantDigits: 6 });
const last = (values) => values[values.length - 1];

function before(values, limit) { // The number of the last of the ascending values up to a limit.
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function axis([low, high], from, to, isLog, floor = 0) { // From values to pixels, and back.
  const unit = isLog ? (value) => Math.log10(Math.max(value, floor)) : Number;
  const start = unit(low), each = (to - from) / (unit(high) - start);
  const at = (pixel) => start + (pixel - from) / each;
  return { low, high, from, to, isLog,
    place: (value) => from + (unit(value) - start) * each,
    at: isLog ? (pixel) => 10 ** at(pixel) : at,
    hold: (pixel) => Math.min(Math.max(pixel, Math.min(from, to)), Math.max(from, to)) };
}

function number(value) {
  const size = Math.abs(value), whole = +value.toPrecision(7); // A float32 has seven digits.
  if (Number.isInteger(whole) && size < 1e9) return whole.toLocaleString('en-US');
  if (size < 0.01 || size >= 1e9) return value.toExponential(size < 1 ? 1 : 2);
  return size < 1e4 ? value.toFixed(size < 10 ? 4 : 2) : Math.round(value).toLocaleString('en-US');
}

// A standard deviation, to the decimals of its mean.
const deviation = (std) => `±${std >= 0.00005 && std < 1 ? std.toFixed(4) : number(std)}`;

function short(value, step) { // A tick's text: as many decimals as the ticks' distance needs.
  if (step < 1e-5 || step >= 1e12) return value ? value.toExponential(1) : '0';
  return step >= 1 ? COMPACT.format(value) : value.toFixed(Math.ceil(-Math.log10(step) - 1e-9));
}

function duration(seconds) {
  const [unit, letter] = seconds >= 7200 ? [3600, 'h'] : seconds >= 120 ? [60, 'min'] : [1, 's'];
  return `${+(seconds / unit).toFixed(2)} ${letter}`;
}

function moment(seconds, span) {
  const day = { day: 'numeric', month: 'short' };
  const time = { hour: '2-digit', minute: '2-digit', second: span < 600 ? '2-digit' : undefined };
  const format = span > 172800 ? day : span > 0 ? time : { ...day, ...time, second: '2-digit' };
  return new Date(seconds * 1000).toLocaleString('en-GB', format);
}

function xText(axis, x, span = 0) { // A place on an axis, which spans so much.
  const texts = { relative: duration, wall: (at) => moment(at, span),
    share: (at) => `${+at.toFixed(1)} %`, step: (at) => number(Math.round(at)) };
  return (texts[axis] ?? number)(x);
}

function ticks({ low, high, isLog }, count, kind) { // Round values on an axis, and their texts.
  if (isLog && high / low > 20) return powers(low, high);
  const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  const inTime = kind === 'relative' || kind === 'wall';
  let step = (inTime && SECONDS.find((time) => raw >= 1 && time >= raw))
    || [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) * power;
  if (kind === 'step') step = Math.max(1, step);
  const text = (value) => (inTime ? xText(kind, value, high - low)
    : `${short(value, step)}${kind === 'share' ? ' %' : ''}`);
  const first = Math.ceil(low / step - 1e-9), end = Math.floor(high / step + 1e-9);
  return Array.from({ length: end - first + 1 }, (_, i) => (first + i) * step)
    .map((value) => [value, text(value)]);
}

function powers(low, high) { // Ticks of a logarithmic axis.
  const digits = high / low < 1000 ? [1, 2, 5] : [1], first = Math.floor(Math.log10(low));
  const all = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) =>
    digits.map((digit) => +`${digit}e${first + i}`)).flat();
  const found = all.filter((value) => value >= low && value <= high);
  const every = Math.ceil(found.length / 8);
  return found.filter((_, i) => i % every === 0).map((value) => [value, short(value, value)]);
}

function path(pen, count, x, y) { // Through places by number; it is broken where y is not finite.
  let down = false;
  pen.beginPath();
  for (let i = 0; i < count; i++) {
    const isThere = Number.isFinite(y(i));
    if (isThere) pen[down ? 'lineTo' : 'moveTo'](x(i), y(i));
    down = isThere;
  }
}

function dot(pen, x, y, radius, color, ring) {
  if (ring) dot(pen, x, y, radius + 1.2, ring);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = color;
  pen.fill();
}

function grid(pen, { x, y }, kind) { // The pen has the colors of grid and text.
  pen.textAlign = 'right';
  for (const [value, text] of ticks(y, (y.from - y.to) / 40)) {
    path(pen, 2, (i) => [x.from, x.to][i], () => y.place(value));
    pen.stroke();
    pen.fillText(text, LEFT - 8, y.place(value));
  }
  pen.textAlign = 'center';
  for (const [value, text] of ticks(x, (x.to - x.from) / (kind === 'wall' ? 90 : 56), kind)) {
    pen.fillText(text, x.place(value), y.from + 13);
  }
}
