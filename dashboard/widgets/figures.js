// The texts of figures: a metric's value is written as by `number` of tracker/text.py.

const COMPACT = new Intl.NumberFormat('en-US',
  { notation: 'compact', maximumSignificantDigits: 6 });
const THOUSANDS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A metric's value: four decimals, integers in full, an exponent for the very small or large. */
function number(value) {
  const size = Math.abs(value), whole = +value.toPrecision(7); // A float32 has seven digits.
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
  if (size >= 1e4 && (size < 1e7 || Number.isInteger(whole))) return THOUSANDS.format(whole);
  if (Number.isInteger(whole)) return String(whole);
  if (size >= 0.01 && size < 1e4) return value.toFixed(size < 10 ? 4 : 2);
  const [mantissa, exponent] = value.toExponential(2).split('e');
  return `${+mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
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

/** So many seconds on an axis, in the unit that suits them. */
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
