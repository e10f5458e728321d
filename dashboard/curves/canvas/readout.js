// What panels say: at the crosshair, of a range that is dragged over, in a table of values.

const NEAR = 14, BEST = 5;

function between({ x, y }, at) { // A line's height, on its way from one point to the next.
  const i = before(x, at);
  if (i < 0 || at > last(x)) return Infinity;
  return at === last(x) ? last(y) : y[i] + ((y[i + 1] - y[i]) * (at - x[i])) / (x[i + 1] - x[i]);
}

function aimsAt(lines, scale, px, py) { // The points near a place, and how far off they are.
  const { x, y, pairs } = scale, at = x.at(px), found = [];
  for (const line of lines.filter((one) => one.role !== 'old' && !isBehind(one))) {
    const first = pairs ? 0 : Math.max(0, before(line.x, at));
    line.x.slice(first, pairs ? undefined : first + 2).forEach((place, i) => {
      const side = Math.abs(x.place(place) - px);
      const away = Math.abs(y.place(pairs ? line.y[i] : between(line, at)) - py);
      const { ids, of } = line;
      found.push({ ids, of, x: place, side, gap: pairs ? Math.hypot(side, away) : away });
    });
  }
  return found;
}

function rowsAt(curves, panel, at) { // What each run and group says at a place, best first.
  const found = new Map();
  for (const line of curves.lines(panel)) {
    const { of, role, part, odd = [] } = line;
    if (role === 'old' || (role === 'member' && !curves.isAlone(line))) continue;
    if (!found.has(of)) found.set(of, { ...line, cells: {}, end: -Infinity });
    const row = found.get(of), i = panel.pairs ? line.x.indexOf(at) : before(line.x, at);
    const mark = before(odd, at), isOdd = mark >= 0 && !(odd[mark] < line.x[i]);
    row.end = Math.max(row.end, last(line.x) ?? row.end, last(odd) ?? row.end);
    if (i < 0 && !isOdd) continue;
    const std = role === 'mean' && line.high ? line.high[i] - line.y[i] : null;
    row.cells[part] = { y: line.y[i], std, odd: isOdd ? line.kinds[mark] : '' };
  }
  const lead = ({ cells }) => panel.parts.map((part) => cells[part]?.y).find(Number.isFinite);
  const sign = panel.better === 'less' ? 1 : -1, worst = sign * Infinity;
  return [...found.values()]
    .filter((row) => (panel.pairs || row.end >= at) && Object.keys(row.cells).length)
    .sort((a, b) => sign * ((lead(a) ?? worst) - (lead(b) ?? worst)) || 0);
}

function readout(curves, panel) { // The crosshair, and in the panel it is moved in what it meets.
  const { cursor, body } = curves, { x, y } = curves.scale(panel);
  const isHere = cursor?.in === panel.name, box = panel.find('.box'), cross = panel.find('.cross');
  const isCrossed = cursor && !curves.drag && (isHere || !(panel.pairs || cursor.pairs));
  const rows = isCrossed ? rowsAt(curves, panel, cursor.x) : [];
  cross.hidden = !isCrossed;
  cross.style.left = `${x.place(cursor?.x)}px`;
  cross.replaceChildren(...rows.flatMap(({ cells, color }) => Object.values(cells)
    .filter((cell) => Number.isFinite(cell.y))
    .map((cell) => sign(color, `top: ${y.place(cell.y)}px`))));
  const isRead = rows.length && (isHere || body.classList.contains('phone'));
  box.classList.toggle('right', x.place(cursor?.x) < (x.from + x.to) / 2);
  box.replaceChildren(...(isRead ? best(curves, panel, rows) : []));
}

function best(curves, panel, rows) { // A table of the best rows and those that are pointed at.
  const isNear = (row) => curves.isLifted(row) || row.of === curves.cursor.of;
  const shown = rows.filter((row, i) => i < BEST || rows.length === BEST + 1 || isNear(row));
  const parts = panel.parts.filter((part) => rows.some(({ cells }) => cells[part]));
  const hasSpread = (i) => !i && rows.some(({ role }) => role === 'mean');
  const head = parts.flatMap((part, i) => (hasSpread(i) ? [part, ''] : [part]));
  const lines = shown.map((row) => [row, ...parts.flatMap((part, i) => {
    const { y, std, odd } = row.cells[part] ?? { odd: '–' };
    const value = [Number.isFinite(y) ? number(y) : '', odd].join(' ').trim();
    return hasSpread(i) ? [value, std ?? std === 0 ? deviation(std) : ''] : [value];
  })]);
  const at = placeText(panel, curves.cursor.x), more = rows.length - shown.length;
  return [table([at, ...head], lines, (row) => curves.isLifted(row)),
    ...(more ? [h('small', {}, `${more} more`)] : [])];
}

function valuesTable(curves, panel) {
  const lines = curves.lines(panel).filter(({ role }) => role !== 'old');
  return table(['run', 'part', 'last', 'best', 'at'], lines.map((line) => {
    const [x, y] = line.best ?? [], end = line.y.length ? number(last(line.y)) : '–';
    const found = line.best ? [number(y), placeText(panel, x)] : ['–', '–'];
    return [line, line.part, end, ...found];
  }));
}

function sign(color, style = '', shape = '') {
  const node = h('i', { class: shape });
  node.style.cssText = `background: ${color}; ${style}`;
  return node;
}

function table(head, rows, isLifted = () => false) { // Each row: a line, then texts.
  const body = rows.map(([line, ...texts]) => {
    const cells = texts.map((text) =>
      h('td', { class: text[0] === '±' ? 'spread' : '' }, text));
    const color = sign(line.color, '', line.role === 'mean' ? 'group' : '');
    return h('tr', { class: isLifted(line) ? 'lifted' : '' },
      h('td', { title: line.label }, color, line.label), ...cells);
  });
  const titles = head.map((text) => (text ? h('th', { scope: 'col' }, text) : h('td')));
  return h('table', {}, h('thead', {}, h('tr', {}, ...titles)), h('tbody', {}, ...body));
}

function shade(curves, panel) { // All but the range that is being dragged over.
  const { in: name, pairs, x, y } = curves.drag ?? {}, scale = curves.scale(panel);
  const isHere = name === panel.name, range = panel.find('.range');
  range.hidden = !curves.drag || !(isHere || (x && !pairs && !panel.pairs));
  if (range.hidden) return;
  const [left, right] = x ? x.map(scale.x.place) : [scale.x.from, scale.x.to];
  const [bottom, top] = y && isHere ? y.map(scale.y.place) : [scale.y.from, scale.y.to];
  range.style.cssText = `left: ${left}px; width: ${right - left}px; top: ${top}px;`
    + `height: ${bottom - top}px`;
  range.dataset.text = x ? rangeText(panel, x) : y.map(number).join(' to ');
}

function placeText({ axis, title, width }, x) {
  const first = x - (width - 1) / 2, text = xText(axis, x);
  if (axis === 'step' && width > 1 && first % 1 === 0) {
    return `${title} ${number(first)}–${number(first + width - 1)}`;
  }
  return { wall: text, relative: text, share: `${text} of training` }[axis] ?? `${title} ${text}`;
}

function rangeText({ axis }, [from, to]) {
  const texts = [from, to].map((x) => xText(axis, x, to - from));
  return `${axis === 'step' ? 'steps ' : ''}${texts.join(' to ')}`;
}
