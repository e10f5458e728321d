// Metrics that runs logged once: bars from zero, dots where zero is far off, strips of many runs.

const STRIP = 12;

function fillResults(curves, panel) {
  const rows = resultRows(curves, panel), all = rows.flatMap(({ values }) => values).filter(Number.isFinite);
  const [least, most] = [Math.min(...all), Math.max(...all)], bars = !panel.strips && least >= 0 && least < most / 2;
  const room = (most - least) * 0.06 || Math.abs(most) / 10 || 0.5;
  const [low, high] = bars ? [0, most || 1] : [least - room, most + room];
  const at = (value) => `${(100 * (value - low)) / (high - low)}%`;
  const part = (className, style, text = '') => {
    const node = element('span', { className }, text);
    Object.assign(node.style, style);
    return node;
  };
  const drawn = ({ color, values, mean, std, ids, grouped }) => {
    const middle = part(grouped ? 'tick' : 'dot', { left: at(mean), background: color });
    if (panel.strips) return [...values.map((value, i) => part('dot faint', { left: at(value), background: color,
      top: `${22 + ((i * 37) % 56)}%` })), ...(grouped ? [middle, part('mean', { left: at(mean) }, number(mean))] : [])];
    const error = std ? [part('error', { left: at(mean - std), width: at(low + 2 * std) })] : [];
    const main = bars ? part('bar', { width: at(mean), background: color })
      : part(ids.length > 1 ? 'dot group' : 'dot', { left: at(mean), background: color });
    return [main, ...error];
  };
  panel.nodes.rows = rows.map((row) => {
    const cells = [element('th', { scope: 'row', title: row.label }, row.label),
      element('td', { className: panel.strips ? 'track tall' : 'track' }, element('div', {}, ...drawn(row)))];
    if (!panel.strips) cells.push(element('td', {}, number(row.mean)), element('td', { className: 'spread' }, row.std ? `±${number(row.std)}` : ''));
    const node = element('tr', { onpointerenter: () => curves.hover(row.ids), onpointerleave: () => curves.hover([]) }, ...cells);
    return Object.assign(node, { ids: row.ids });
  });
  const marks = bars ? [] : ticks(low, high, 4).map(([value, text]) => part('', { left: at(value) }, text));
  const axis = element('tr', { className: 'axis', ariaHidden: 'true' }, element('td'), element('td', { className: 'track' }, element('div', {}, ...marks)));
  panel.note = `logged once · ${panel.strips ? 'one dot a run, tick = mean' : bars ? 'bars from 0' : 'dots, as the axis does not start at 0'}`
    + (panel.better ? `, ${panel.better} is better` : '');
  panel.nodes.values.replaceChildren(element('table', { className: 'results', ariaLabel: `${panel.name}, ${panel.note}` },
    element('tbody', {}, ...panel.nodes.rows, ...(marks.length ? [axis] : []))));
}

function resultRows({ data: { runs, groups, spread }, shown }, panel) { // Runs, or groups of them, the best first.
  const values = panel.values.filter(([run]) => shown?.has(run) ?? true), rows = new Map();
  panel.strips = values.length > STRIP;
  for (const [run, value] of values) {
    const group = spread === 'runs' ? '' : runs[run].group, key = group || (panel.strips ? '' : run);
    const member = groups[group] ?? (panel.strips ? { label: 'runs', color: runs[run].color } : runs[run]);
    if (!rows.has(key)) rows.set(key, { ...member, ids: [], values: [], grouped: panel.strips });
    rows.get(key).ids.push(run);
    rows.get(key).values.push(value);
  }
  const sign = panel.better === 'less' ? 1 : -1;
  return [...rows.values()].map((row) => {
    const [mean, std] = statistics(row.values);
    return { ...row, mean: row.values.length > 1 ? mean : row.values[0], std };
  }).sort((a, b) => sign * (a.mean - b.mean) || 0);
}
