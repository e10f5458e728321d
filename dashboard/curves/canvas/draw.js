// A panel on its canvas: lines, bands, marks, the crosshair and the range that is being dragged.

const HEIGHT = 270; // Of a panel's picture, in pixels.

function draw(curves, panel) {
  const { section, canvas } = panel.nodes, phone = curves.body.classList.contains('phone');
  const usual = phone ? 236 : panel.wide ? 340 : HEIGHT;
  const height = section.classList.contains('large') ? innerHeight - 90 : usual;
  const width = section.clientWidth, dense = Math.max(1, devicePixelRatio);
  panel.size = { width, height };
  Object.assign(canvas, { width: width * dense, height: height * dense });
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d');
  pen.scale(dense, dense);
  const scale = paint(curves, panel, pen), token = tokens(curves);
  if (curves.drag) shade(curves, panel, pen, scale, token);
  else if (curves.cursor) crosshair(curves, panel, pen, scale, token);
}

const tokens = (curves) => (name) => curves.style.getPropertyValue(`--${name}`);

function paint(curves, panel, pen) { // What stays when nothing points at it; the scale of it.
  const token = tokens(curves), scale = curves.scale(panel), lines = curves.lines(panel);
  Object.assign(pen, { font: FONT, textBaseline: 'middle', lineJoin: 'round', globalAlpha: 1,
    lineWidth: 1, strokeStyle: token('grid'), fillStyle: token('text-3') });
  axes(pen, scale, panel.log, panel.pairs ? '' : curves.data.axis);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT - 2, TOP - 4, scale.wide + 4, scale.tall + 6);
  pen.clip();
  const back = lines.filter((line) => !curves.isLifted(line));
  const front = lines.filter((line) => curves.isLifted(line));
  for (const line of [...back, ...front]) stroke(curves, panel, pen, scale, line, token);
  pen.restore();
  for (const line of lines) signs(curves, pen, scale, line, token('ground'));
  return scale;
}

function fade(curves, line) { return curves.lifted.size && !curves.isLifted(line) ? 0.25 : 1; }

function stroke(curves, panel, pen, scale, line, token) {
  const { old, quiet, member, mean } = line, alone = curves.isAlone(line);
  if (member && quiet && !alone) return;
  const usual = old ? 0.3 : quiet ? 0.45 : member ? (panel.many ? 0.2 : 0.35) : 1;
  const alpha = alone && !old ? (quiet ? 0.7 : 1) : usual * fade(curves, line);
  const width = quiet || old ? 1 : member && !alone ? 0.75 : 1.9;
  if (line.low && !quiet && !member && (!mean || curves.data.spread === 'std')) {
    band(pen, scale, line, line.color, 0.18 * fade(curves, line));
  }
  const marked = alone && (member ? panel.many : panel.crowded); // In the color of text with a halo, among many lines.
  if (marked) trace(pen, scale, line, token('ground'), width + 5, 0.9);
  trace(pen, scale, line, marked ? token('text-1') : line.color, width, alpha);
}

function signs(curves, pen, scale, line, ground) { // The best point, and values not finite.
  pen.globalAlpha = fade(curves, line);
  const [x, y] = line.best ? [scale.x(line.best[0]), scale.y(line.best[1])] : [];
  const inside = x >= LEFT - 1 && x <= scale.right + 1 && y >= TOP - 4 && y <= scale.foot + 2;
  if (inside && !line.quiet && (!line.member || curves.isAlone(line))) {
    dot(pen, x, y, 3.5, line.color, ground);
  }
  for (const place of line.odd ? Array.from(line.odd, scale.x) : []) {
    if (place >= LEFT && place <= scale.right) mark(pen, place, scale.foot, line.color);
  }
}

function shade(curves, panel, pen, scale, token) { // All but the range that is being dragged.
  const { panel: from, x, y } = curves.drag, tall = y && from === panel;
  if (from !== panel && (!x || from.pairs || panel.pairs)) return;
  const [left, right] = x ? x.map(scale.x) : [LEFT, scale.right];
  const [bottom, top] = tall ? y.map(scale.y) : [scale.foot, TOP - 4];
  Object.assign(pen, { globalAlpha: 0.6, fillStyle: token('ground') });
  pen.fillRect(LEFT - 2, 0, left - LEFT + 2, scale.foot);
  pen.fillRect(right, 0, scale.right - right + 3, scale.foot);
  pen.fillRect(left, 0, right - left, top);
  pen.fillRect(left, bottom, right - left, scale.foot - bottom);
  Object.assign(pen, { globalAlpha: 1, strokeStyle: token('accent'), lineWidth: 1.5 });
  for (const at of x ? [left, right] : []) rule(pen, at, top, at, bottom);
  for (const at of tall ? [top, bottom] : []) rule(pen, left, at, right, at);
  const text = x ? rangeText(curves.data, panel, x) : y.map(number).join(' to ');
  const wide = pen.measureText(text).width + 16, middle = (left + right) / 2;
  pen.fillStyle = token('fill');
  pen.fillRect(middle - wide / 2, top + 4, wide, 18);
  Object.assign(pen, { fillStyle: '#fff', textAlign: 'center' });
  pen.fillText(text, middle, top + 13);
}

function crosshair(curves, panel, pen, scale, token) {
  const { x: at, panel: from } = curves.cursor, x = scale.x(at);
  if (at < scale.low || at > scale.high || (from !== panel && (from.pairs || panel.pairs))) return;
  Object.assign(pen, { globalAlpha: 1, lineWidth: 1, strokeStyle: token('text-3') });
  rule(pen, x, TOP - 4, x, scale.foot);
  for (const { cells, color } of rowsAt(curves, panel)) {
    for (const { y } of Object.values(cells)) {
      const place = scale.y(y), inside = place > TOP - 4 && place < scale.foot + 2;
      if (inside) dot(pen, x, place, 3, color, token('ground'));
    }
  }
}
