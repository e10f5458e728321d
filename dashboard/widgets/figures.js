// The texts of figures, as tracker/text.py writes them.

const COMPACT = new Intl.NumberFormat('en-US',
  { notation: 'compact', maximumSignificantDigits: 6 });

/** A metric's value: four decimals, integers in full, an exponent for the very small or large. */
function number(value) {
  const size = Math.abs(value), whole = +value.toPrecision(7); // A float32 has seven digits.
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
  if (Number.isInteger(whole) && size < 1e9) return whole.toLocaleString('en-US');
  if (size < 0.01 || size >= 1e9) return value.toExponential(size < 1 ? 1 : 2);
  return size < 1e4 ? value.toFixed(size < 10 ? 4 : 2) : Math.round(value).toLocaleString('en-US');
}

/** A standard deviation, to the decimals of its mean. */
function deviation(std) {
  return `±${std >= 0.00005 && std < 1 ? std.toFixed(4) : number(std)}`;
}

/** A value on an axis: as many decimals as the distance of the values beside it needs. */
function short(value, step) {
  if (step < 1e-5 || step >= 1e12) return String(+value.toPrecision(2)).replace('+', '');
  return step >= 1 ? COMPACT.format(value) : value.toFixed(Math.ceil(-Math.log10(step) - 1e-9));
}

/** So many seconds, in the unit that suits them. */
function duration(seconds) {
  const [unit, letter] = seconds >= 7200 ? [3600, 'h'] : seconds >= 120 ? [60, 'min'] : [1, 's'];
  return `${+(seconds / unit).toFixed(2)} ${letter}`;
}

/** A time in seconds since the epoch, here; as much of it as an axis of so many seconds needs. */
function moment(seconds, length = 0) {
  const timeStyle = length > 172800 ? undefined : length && length >= 600 ? 'short' : 'medium';
  const dateStyle = length && timeStyle ? undefined : 'medium';
  return new Date(seconds * 1000).toLocaleString('en-GB', { dateStyle, timeStyle });
}
