// Figures, axes and pens of the curves: nothing here knows of runs or of the page.

const FONT = '11px "Source Sans", sans-serif';
const LEFT = 46, RIGHT = 18, TOP = 10, BOTTOM = 24;
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
  43200];
const last = (values) => values[values.length - 1];

function before(values, limit) { // The number of the last of the ascending values up to a limit.
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function between(x, y, at) { // Linear interpolation; NaN outside.
  const i = before(x, at);
  if (i < 0 || at > last(x)) return NaN;
  return i === x.length - 1 ? y[i] : y[i] + ((y[i + 1] - y[i]) * (at - x[i])) / (x[i + 1] - x[i]);
}

function smoothed(y, share) { // An exponential mean over a share of the line, without start bias.
  const decay = 1 - 2 / (Math.max(1, share * y.length) + 1);
  let total = 0, weight = 0;
  return y.map((value) => {
    if (Number.isNaN(value)) return value;
    total = decay * total + value;
    weight = decay * weight + 1;
    return total / weight;
  });
}

function statistics(values) { // Mean and sample standard deviation of the finite ones.
  const known = values.filter(Number.isFinite);
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return [mean, known.length > 1 ? Math.sqrt(squares / (known.length - 1)) : 0];
}

function groupLine(members, log) { // The mean of lines, and one standard deviation around it.
  const shared = members.every((line) => line.x === members[0].x);
  const x = shared ? members[0].x
    : Float64Array.from(new Set(members.flatMap((line) => [...line.x]))).sort();
  const found = Array.from(x, (at, i) => statistics(
    members.map((line) => (shared ? line.y[i] : between(line.x, line.y, at)))));
  const [y, low, high] = [[0, 0], [0, -1], [0, 1]].map(([, sign]) =>
    Float64Array.from(found, ([mean, spread]) => mean + sign * spread));
  if (log) low.forEach((value, i) => { low[i] = value > 0 ? value : y[i]; });
  return { x, y, low, high };
}

function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  const whole = +value.toPrecision(7); // A float32 has seven digits.
  if (Number.isInteger(whole) && size < 1e9) return whole.toLocaleString('en-US');
  if (size < 0.01 || size >= 1e9) return value.toExponential(1 + (size >= 1e9));
  return size < 10 ? value.toFixed(4) : size < 1e4 ? value.toFixed(2)
    : Math.round(value).toLocaleString('en-US');
}

// A standard deviation, to the decimals of its mean.
const deviation = (std) => `±${std >= 0.00005 && std < 1 ? std.toFixed(4) : number(std)}`;

function short(value, step) { // A tick's text: as many decimals as the ticks' distance needs.
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && step < 1e-5)) return value.toExponential(1);
  for (const [unit, letter] of [[1e6, 'M'], [1e3, 'k']]) {
    const fits = size >= 10 * unit || (size >= unit && step >= unit);
    if (fits) return `${+(value / unit).toPrecision(4)}${letter}`;
  }
  return value.toFixed(Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9))));
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

function ticks(low, high, count, kind) { // Round places on an axis, and their texts.
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const inTime = kind === 'relative' || kind === 'wall';
  let step = (inTime && SECONDS.find((time) => raw >= 1 && time >= raw))
    || [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) * power;
  if (kind === 'step') step = Math.max(1, step);
  const text = { relative: duration, wall: (value) => moment(value, high - low),
    share: (value) => `${short(value, step)} %` }[kind] ?? ((value) => short(value, step));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    found.push([i * step, text(i * step)]);
  }
  return found;
}

function logTicks(low, high) { // Of an axis in powers of ten.
  const digits = high - low < 3 ? [1, 2, 5] : [1], found = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of digits) {
      const at = power + Math.log10(digit);
      const plain = String(+(digit * 10 ** power).toFixed(3));
      const text = power < -3 || power > 5 ? `${digit}e${power}` : plain;
      if (at >= low && at <= high) found.push([10 ** at, text]);
    }
  }
  const every = Math.ceil(found.length / 8);
  if (found.length < 3) return ticks(10 ** low, 10 ** high, 4);
  return found.filter((_, i) => i % every === 0);
}

function trace(pen, scale, line, color, width, alpha) { // A line, where it is in view.
  const { x, y } = line, sorted = !line.pairs;
  const from = sorted ? Math.max(0, before(x, scale.low)) : 0;
  const to = sorted ? Math.min(x.length - 1, before(x, scale.high) + 1) : x.length - 1;
  Object.assign(pen, { strokeStyle: color, lineWidth: width, globalAlpha: alpha });
  if (!x.length) return undefined;
  if (x.length === 1) return dot(pen, scale.x(x[0]), scale.y(y[0]), 1 + width / 2, color);
  let down = false;
  pen.beginPath();
  for (let i = from; i <= to; i++) {
    const place = scale.y(y[i]);
    if (Number.isFinite(place)) pen[down ? 'lineTo' : 'moveTo'](scale.x(x[i]), place);
    down = Number.isFinite(place);
  }
  return pen.stroke();
}

function band(pen, scale, { x, low, high }, color, alpha) {
  pen.beginPath();
  for (let i = 0; i < x.length; i++) pen[i ? 'lineTo' : 'moveTo'](scale.x(x[i]), scale.y(low[i]));
  for (let i = x.length - 1; i >= 0; i--) pen.lineTo(scale.x(x[i]), scale.y(high[i]));
  pen.closePath();
  Object.assign(pen, { fillStyle: color, globalAlpha: alpha });
  pen.fill();
}

function dot(pen, x, y, radius, color, ring) {
  for (const [size, fill] of ring ? [[radius + 1.2, ring], [radius, color]] : [[radius, color]]) {
    pen.beginPath();
    pen.arc(x, y, size, 0, 2 * Math.PI);
    pen.fillStyle = fill;
    pen.fill();
  }
}

function mark(pen, x, foot, color) { // A triangle that points at the x axis.
  pen.beginPath();
  pen.moveTo(x - 4, foot - 8);
  pen.lineTo(x + 4, foot - 8);
  pen.lineTo(x, foot - 1);
  pen.closePath();
  pen.fillStyle = color;
  pen.fill();
}

function rule(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

function axes(pen, scale, log, kind) { // The pen has the colors of grid and text.
  pen.textAlign = 'right';
  const { bottom, top, tall } = scale;
  const across = log ? logTicks(bottom, top) : ticks(bottom, top, tall / 40);
  for (const [value, text] of across) {
    rule(pen, LEFT, scale.y(value), scale.right, scale.y(value));
    pen.fillText(text, LEFT - 8, scale.y(value));
  }
  pen.textAlign = 'center';
  const count = scale.wide / (kind === 'wall' ? 90 : 56);
  const along = scale.isLog ? logTicks(Math.log10(scale.low), Math.log10(scale.high))
    : ticks(scale.low, scale.high, count, kind);
  for (const [value, text] of along) {
    pen.fillText(text, scale.x(value), scale.foot + 13);
  }
}
