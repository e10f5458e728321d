// Metrics that runs logged once: bars from zero, dots where zero is far off, strips of many runs.

const STRIP = 12;
const KINDS = { bar: 'bars from 0', dot: 'dots, as the axis does not start at 0',
  strip: 'one dot a run, tick = mean' };

function fillResults(curves, panel) {
  const rows = resultRows(curves, panel), { values: table } = panel.nodes;
  const values = rows.flatMap((row) => row.values), few = values.length <= STRIP;
  const ends = few ? rows.flatMap(({ mean, std }) => [mean - std, mean + std]) : values;
  const [least, most] = [Math.min(...values), Math.max(...values, ...ends)];
  const kind = !few ? 'strip' : least >= 0 && least < most / 2 ? 'bar' : 'dot';
  const bottom = Math.min(least, ...ends);
  const room = (most - least) * 0.06 || Math.abs(most) / 10 || 0.5;
  const [low, high] = kind === 'bar' ? [0, most || 1] : [bottom - room, most + room];
  const at = (value) => `${(100 * (Math.max(low, value) - low)) / (high - low)}%`;
  panel.nodes.marks = [];
  const nodes = rows.map((row) => resultRow(curves, panel, row, kind, at));
  const texts = kind === 'bar' ? [] : ticks(low, high, 4).map(([value, text]) =>
    piece('', { left: at(value) }, text));
  const axis = element('tr', { className: 'axis', ariaHidden: 'true' }, element('td'),
    element('td', { className: 'track' }, element('div', {}, ...texts)));
  panel.note = ['logged once', KINDS[kind], panel.better && `${panel.better} is better`]
    .filter(Boolean).join(' · ');
  table.replaceChildren(element('table', { className: 'results', ariaLabel: panel.name },
    element('tbody', {}, ...nodes, ...(texts.length ? [axis] : []))));
}

function resultRows({ data: { runs, groups, spread }, shown }, panel) { // The best row first.
  const values = panel.values.filter(([run]) => shown?.has(run) ?? true), rows = new Map();
  for (const [run, value] of values) {
    const group = spread === 'runs' ? '' : runs[run].group;
    const key = group || (values.length > STRIP ? '' : run);
    const named = { ...runs[run], ...groups[group], ...(key ? {} : { label: 'runs' }) };
    if (!rows.has(key)) rows.set(key, { ...named, ids: [], values: [] });
    rows.get(key).ids.push(run);
    rows.get(key).values.push(value);
  }
  const sign = panel.better === 'less' ? 1 : -1;
  return [...rows.values()].map((row) => {
    const [mean, std] = statistics(row.values);
    const alone = row.ids.length === 1 ? runs[row.ids[0]] : {};
    return { ...row, ...alone, mean, std };
  }).sort((a, b) => sign * (a.mean - b.mean) || 0);
}

function resultRow(curves, panel, row, kind, at) {
  const { color, mean, std, ids } = row, { marks } = panel.nodes;
  const listens = (node, under, after) => Object.assign(node, { ids: under,
    onpointerenter: () => curves.hover(under), onpointerleave: () => curves.hover(after) });
  const drawn = {
    bar: () => [piece('bar', { width: at(mean), background: color })],
    dot: () => [piece(ids.length > 1 ? 'dot group' : 'dot', { left: at(mean), background: color })],
    strip: () => [...row.values.map((value, i) => listens(piece('dot faint', { left: at(value),
      background: color, top: `${22 + ((i * 37) % 56)}%` }), [ids[i]], ids)),
      piece('tick', { left: at(mean), background: color }),
      piece('mean', { left: at(mean) }, number(mean))],
  }[kind]();
  marks.push(...drawn.filter((node) => node.ids));
  const [from, to] = [at(mean - std), at(mean + std)].map(parseFloat);
  const error = { left: `${from}%`, width: `${to - from}%` };
  if (std && kind !== 'strip') drawn.push(piece('error', error));
  const cells = [element('th', { scope: 'row', title: row.label }, row.label),
    element('td', { className: `track ${kind}` }, element('div', {}, ...drawn))];
  if (kind !== 'strip') cells.push(element('td', {}, number(mean)),
    element('td', { className: 'spread' }, std ? deviation(std) : ''));
  marks.push(listens(element('tr', {}, ...cells), ids, []));
  return last(marks);
}

function piece(className, style, text = '') {
  const node = element('span', { className }, text);
  Object.assign(node.style, style);
  return node;
}
