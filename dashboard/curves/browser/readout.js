// What panels say: at the crosshair, and of a range that is dragged over.

const NEAR = 14, BEST = 5;

function aimsAt(lines, { x, y, pairs }, px, py) { // Points near a place, and how far off they are.
  const at = x.at(px);
  return lines.filter((line) => line.role !== 'old' && !isBehind(line)).flatMap((line) => {
    const [from, end] = span(line, { low: at, high: at }, pairs), to = end - 1;
    const share = (at - line.x[from]) / (line.x[to] - line.x[from] || 1); // Of the way between two.
    const height = line.y[from] + share * (line.y[to] - line.y[from]);
    const isBeside = !pairs && (at < line.x[from] || at > line.x[to]);
    return Array.from(line.x.slice(from, end), (place, i) => {
      const side = Math.abs(x.place(place) - px), top = y.place(pairs ? line.y[i] : height);
      const gap = Math.hypot(pairs ? side : 0, top - py);
      return { line, x: place, side, gap: isBeside || Number.isNaN(gap) ? Infinity : gap };
    });
  });
}

function rowsAt(curves, { lines, pairs, parts, better }, at) { // What each says, best first.
  const found = new Map(), sign = better === 'less' ? 1 : -1;
  for (const line of lines.filter(({ ids }) => curves.isShown(ids))) {
    const { of, role, part, x, y, high } = line, i = pairs ? x.indexOf(at) : before(x, at);
    if (role === 'old' || (role === 'member' && !curves.isAlone(line))) continue;
    if (!found.has(of)) found.set(of, { ...line, cells: {}, end: -Infinity });
    const row = found.get(of), std = role === 'mean' && high ? high[i] - y[i] : NaN;
    row.end = Math.max(row.end, x.at(-1) ?? row.end);
    if (i >= 0) row.cells[part] = { y: y[i], std };
  }
  const lead = ({ cells }) => parts.map((part) => sign * cells[part]?.y).find(isFinite) ?? Infinity;
  return [...found.values()]
    .filter((row) => (pairs || row.end >= at) && Object.keys(row.cells).length)
    .sort((a, b) => lead(a) - lead(b) || 0);
}

function readout(curves, panel) { // The crosshair, and what it meets; unseen where no hand is.
  const { cursor, drag } = curves, { x, y } = curves.scale(panel), left = x.place(cursor?.x);
  const isIn = (axis, place) => (place - axis.from) * (place - axis.to) <= 0;
  const isCrossed = cursor && !drag && cursor.range === panel.range && isIn(x, left);
  const rows = isCrossed ? rowsAt(curves, panel, cursor.x) : [];
  const [cross, box] = ['.cross', '.box'].map(panel.find);
  cross.hidden = !isCrossed;
  cross.style.left = `${left}px`;
  cross.dataset.text = isCrossed ? xText(panel.axis, cursor.x, x.high - x.low) : '';
  cross.innerHTML = rows.flatMap(({ cells, color }) => Object.values(cells)
    .map((cell) => y.place(cell.y)).filter((top) => isIn(y, top))
    .map((top) => `<i style="background:${color};top:${top - TOP}px"></i>`)).join('');
  box.classList.toggle('right', left < (x.from + x.to) / 2);
  box.innerHTML = rows.length ? best(curves, panel, rows) : '';
}

function best(curves, panel, rows) { // A table of the best rows and those that are pointed at.
  const isNear = ({ ids, of }) => curves.isLifted(ids) || of === curves.cursor.of;
  const shown = rows.filter((row, i) => i < BEST || rows.length === BEST + 1 || isNear(row));
  const parts = panel.parts.filter((part) => rows.some(({ cells }) => cells[part]));
  const head = parts.map((part) => `<th scope="col">${part}</th><td></td>`).join('');
  const lines = shown.map(({ cells, color, ids, name, role }) => {
    const texts = parts.map((part) => cells[part]).map((cell) =>
      `<td>${cell ? number(cell.y) : '–'}</td>`
        + `<td class="spread">${cell?.std >= 0 ? deviation(cell.std) : ''}</td>`);
    return `<tr class="${curves.isLifted(ids) ? 'lifted' : ''}"><td title="${name}">`
      + `<i class="${role}" style="background:${color}"></i>${name}</td>${texts.join('')}</tr>`;
  });
  const more = rows.length - shown.length, at = placeText(panel, curves.cursor.x);
  return `<table><thead><tr><th scope="col">${at}</th>${head}</tr></thead>`
    + `<tbody>${lines.join('')}</tbody></table>${more ? `<small>${more} more</small>` : ''}`;
}

function shade(curves, panel) { // All but the range that is being dragged over.
  const { in: name, range: of, x, y } = curves.drag ?? {}, scale = curves.scale(panel);
  const isHere = name === panel.name, range = panel.find('.range');
  range.hidden = !(isHere || (x && of === panel.range));
  if (range.hidden) return;
  const [left, right] = (x ?? [scale.x.low, scale.x.high]).map(scale.x.place);
  const [bottom, top] = ((isHere && y) || [scale.y.low, scale.y.high]).map(scale.y.place);
  Object.assign(range.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`,
    height: `${bottom - top}px` });
  range.dataset.text = x ? rangeText(panel, x) : y.map(number).join(' to ');
}

function placeText({ axis: kind, before: said, after, width }, x) { // Or the steps of a bucket.
  const first = x - (width - 1) / 2, text = width > 1 && first % 1 === 0
    ? `${number(first)}–${number(first + width - 1)}` : xText(kind, x);
  return said + text + after;
}

function rangeText({ axis: kind }, [from, to]) {
  const texts = [from, to].map((x) => xText(kind, x, to - from));
  return (kind === 'step' ? 'steps ' : '') + texts.join(' to ');
}
