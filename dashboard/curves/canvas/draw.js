// A panel on its canvas or on the pen of a file: axes, lines, bands and marks.

const FONT = '11px "Source Sans", sans-serif';
const PENS = { line: [1.9, 1], mean: [1.9, 1], member: [0.75, 0.35], old: [1, 0.3],
  quiet: [1, 0.45], inCrowd: [0.75, 0.2] }; // Width and opacity.

function draw(curves, panel) {
  const canvas = panel.find('canvas'), dense = Math.max(1, devicePixelRatio);
  const [width, height] = panel.size.map((side) => side * dense);
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext('2d');
  pen.scale(dense, dense);
  paint(curves, panel, pen);
}

function paint(curves, panel, pen) { // What stays when nothing points at it.
  const scale = curves.scale(panel), lines = curves.lines(panel), { x, y } = scale;
  Object.assign(pen, { font: FONT, textBaseline: 'middle', lineJoin: 'round', globalAlpha: 1,
    lineWidth: 1, strokeStyle: curves.token('grid'), fillStyle: curves.token('text-3') });
  grid(pen, scale, panel.axis);
  pen.save();
  pen.beginPath();
  pen.rect(x.from - 2, y.to - 4, x.to - x.from + 4, y.from - y.to + 6);
  pen.clip();
  const isFront = (line) => Number(curves.isLifted(line));
  for (const line of [...lines].sort((a, b) => isFront(a) - isFront(b))) {
    stroke(curves, panel, pen, scale, line);
  }
  pen.restore();
  for (const line of lines) signs(curves, pen, scale, line);
}

// Lines of training of a group's runs are seen only where one of them alone is pointed at.
function isBehind({ role, quiet }) { return role === 'member' && quiet; }

function fade(curves, line) { return curves.lifted.size && !curves.isLifted(line) ? 0.25 : 1; }

function stroke(curves, panel, pen, scale, line) {
  const { role, quiet, color } = line, alone = curves.isAlone(line), isMember = role === 'member';
  if (isBehind(line) && !alone) return;
  const [width, alpha] = PENS[quiet ? 'quiet' : !isMember ? role : alone ? 'line'
    : panel.many ? 'inCrowd' : 'member'];
  const faded = fade(curves, line), isBand = role !== 'mean' || curves.data.spread === 'std';
  if (line.low && isBand && !quiet && !isMember) band(pen, scale, line, 0.18 * faded);
  // Among many lines, the one that is pointed at has the color of text and a halo.
  const isMarked = alone && panel.many;
  if (isMarked) trace(pen, scale, line, curves.token('ground'), width + 5, 0.9);
  trace(pen, scale, line, isMarked ? curves.token('text-1') : color, width, alpha * faded);
}

function trace(pen, scale, { x, y }, strokeStyle, lineWidth, globalAlpha) {
  const first = scale.pairs ? 0 : Math.max(0, before(x, scale.x.low)); // Of those in view.
  const end = scale.pairs ? x.length : Math.min(x.length, before(x, scale.x.high) + 2);
  const [left, top] = [(i) => scale.x.place(x[first + i]), (i) => scale.y.place(y[first + i])];
  Object.assign(pen, { strokeStyle, lineWidth, globalAlpha });
  if (x.length === 1) dot(pen, left(0), top(0), 1 + lineWidth / 2, strokeStyle);
  path(pen, end - first, left, top);
  pen.stroke();
}

function band(pen, scale, { x, low, high, color }, globalAlpha) {
  const { length } = x, number = (i) => (i < length ? i : 2 * length - 1 - i);
  path(pen, 2 * length, (i) => scale.x.place(x[number(i)]),
    (i) => scale.y.place((i < length ? low : high)[number(i)]));
  Object.assign(pen, { fillStyle: color, globalAlpha });
  pen.fill();
}

function signs(curves, pen, scale, line) { // The best point, and values that are not finite.
  const { x, y } = scale, isInside = (at) => at >= x.from - 1 && at <= x.to + 1;
  pen.globalAlpha = fade(curves, line);
  if (line.best && !line.quiet && (line.role !== 'member' || curves.isAlone(line))) {
    const [left, top] = [x.place(line.best[0]), y.place(line.best[1])];
    const isSeen = isInside(left) && top >= y.to - 4 && top <= y.from + 2;
    if (isSeen) dot(pen, left, top, 3.5, line.color, curves.token('ground'));
  }
  for (const at of Array.from(line.odd ?? [], x.place).filter(isInside)) {
    path(pen, 3, (i) => at + [-4, 4, 0][i], (i) => y.from - [8, 8, 1][i]); // A triangle.
    pen.fillStyle = line.color;
    pen.fill();
  }
}
