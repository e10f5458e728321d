// What a panel says: at the crosshair, in its table, of its zoom, and to who cannot see it.

const NEAR = 14, BEST = 5;

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

function aimsAt(panel, lines, scale, px, py) { // The points near a place, and how far off they are.
  const at = scale.atX(px), found = [];
  for (const line of lines) {
    if (line.old || !line.x.length || (line.member && line.quiet)) continue;
    const first = panel.pairs ? 0 : Math.max(0, before(line.x, at));
    line.x.slice(first, panel.pairs ? undefined : first + 2).forEach((x, i) => {
      const y = panel.pairs ? line.y[i] : between(line.x, line.y, at);
      const side = Math.abs(scale.x(x) - px), away = Math.abs(scale.y(y) - py);
      const gap = panel.pairs ? Math.hypot(side, away) : away;
      found.push({ line, x, side, gap: Number.isFinite(gap) ? gap : Infinity });
    });
  }
  return found;
}

function rowsAt(curves, panel) { // What each run and group says at the crosshair, best first.
  const at = curves.cursor.x, found = new Map();
  for (const line of curves.lines(panel)) {
    if (line.old || (line.member && !curves.isAlone(line))) continue;
    const key = line.mean ? line.group : line.ids[0], odd = line.odd ?? [];
    if (!found.has(key)) found.set(key, { ...line, key, cells: {}, end: -Infinity });
    const row = found.get(key), i = panel.pairs ? line.x.indexOf(at) : before(line.x, at);
    const mark = before(odd, at), isOdd = mark >= 0 && !(odd[mark] < line.x[i]);
    row.end = Math.max(row.end, last(line.x) ?? row.end, last(odd) ?? row.end);
    if (i < 0 && !isOdd) continue;
    row.cells[line.part] = { y: line.y[i] ?? NaN, std: line.mean ? line.high[i] - line.y[i] : null,
      odd: isOdd ? line.kinds[mark] : '' };
  }
  const lead = ({ cells }) => panel.parts.map((part) => cells[part]?.y).find(Number.isFinite);
  const sign = panel.better === 'less' ? 1 : -1, worst = sign * Infinity;
  return [...found.values()]
    .filter((row) => (panel.pairs || row.end >= at) && Object.keys(row.cells).length)
    .sort((a, b) => sign * ((lead(a) ?? worst) - (lead(b) ?? worst)) || 0);
}

function readout(curves, panel) {
  const { cursor } = curves, { box, canvas } = panel.nodes;
  const phone = curves.body.classList.contains('phone') && !panel.pairs && !cursor?.panel.pairs;
  const here = cursor && !curves.drag && (cursor.panel === panel || phone);
  const rows = here ? rowsAt(curves, panel) : [], spread = rows.some((row) => row.mean);
  if (!rows.length) return box.replaceChildren();
  const isNear = (row) => curves.isLifted(row) || row.key === curves.near;
  const shown = rows.filter((row, i) => i < BEST || rows.length === BEST + 1 || isNear(row));
  const parts = panel.parts.filter((part) => rows.some(({ cells }) => cells[part]));
  const head = [place(curves.data, panel, cursor.x)], lines = shown.map((row) => [row]);
  parts.forEach((part, i) => {
    head.push(part, ...(spread && !i ? [''] : []));
    for (const line of lines) {
      const { y, std, odd } = line[0].cells[part] ?? {};
      const value = Number.isFinite(y) ? number(y) : '';
      line.push(y === undefined ? '–' : [value, odd].join(' ').trim());
      if (spread && !i) line.push(std === null || std === undefined ? '' : deviation(std));
    }
  });
  const more = rows.length - shown.length, isLeft = cursor.panel.size
    && curves.scale(panel).x(cursor.x) < canvas.clientWidth / 2;
  box.replaceChildren(table(head, lines, (row) => curves.isLifted(row)),
    ...(more ? [element('small', {}, `${more} more`)] : []));
  const sides = isLeft ? { left: '', right: `${RIGHT}px` } : { left: `${LEFT + 6}px`, right: '' };
  return Object.assign(box.style, sides);
}

function valuesTable(curves, panel) {
  const lines = curves.lines(panel).filter(({ old }) => !old);
  return table(['run', 'part', 'last', 'best', 'at'], lines.map((line) => {
    const [x, y] = line.best ?? [], at = line.best ? place(curves.data, panel, x) : '–';
    return [line, line.part, number(last(line.y) ?? NaN), line.best ? number(y) : '–', at];
  }));
}

function table(head, rows, isLifted = () => false) { // Each row: a line, then texts.
  const body = rows.map(([line, ...texts]) => {
    const sign = element('i', { className: line.mean ? 'group' : '' });
    sign.style.background = line.color;
    const cells = texts.map((text) =>
      element('td', { className: text[0] === '±' ? 'spread' : '' }, text));
    return element('tr', { className: isLifted(line) ? 'lifted' : '' },
      element('td', { title: line.label }, sign, line.label), ...cells);
  });
  const titles = head.map((text) => text ? element('th', { scope: 'col' }, text) : element('td'));
  return element('table', {}, element('thead', {}, element('tr', {}, ...titles)),
    element('tbody', {}, ...body));
}

function place({ axis, width, title }, panel, x) {
  const from = x - (width - 1) / 2;
  if (panel.pairs) return `${panel.title} ${number(x)}`;
  if (axis === 'wall') return moment(x, 0);
  if (axis === 'relative') return duration(x);
  if (axis === 'share') return `${+x.toFixed(1)} % of training`;
  const isBucket = width > 1 && from % 1 === 0;
  const end = isBucket ? `–${number(from + width - 1)}` : '';
  return `${title} ${number(isBucket ? from : axis === 'step' ? Math.round(x) : x)}${end}`;
}

function rangeText({ axis }, { pairs }, [from, to]) {
  const texts = { relative: duration, wall: (x) => moment(x, to - from),
    share: (x) => `${+x.toFixed(1)} %`, step: (x) => number(Math.round(x)) };
  const text = (!pairs && texts[axis]) || number;
  return `${!pairs && axis === 'step' ? 'steps ' : ''}${text(from)} to ${text(to)}`;
}
