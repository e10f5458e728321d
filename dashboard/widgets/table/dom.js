// What the other files draw with.

const STATUS = {
  RUNNING: ['progress_activity', 'running'],
  FAILED: ['error', 'failed'],
  KILLED: ['stop_circle', 'stopped'],
  SCHEDULED: ['schedule', 'scheduled'],
};

const icon = (name, extra = '') =>
  h('span', { class: `icon ${extra}`, 'aria-hidden': 'true' }, name);

const button = (act, name, title, ...text) =>
  h('button', { type: 'button', 'data-act': act, title, 'aria-label': text.length ? null : title,
    class: text.length ? 'with-text' : 'icon-only' }, name && icon(name), ...text);

/** A cell's parts, however it was given. */
function parts(cell) {
  if (cell == null) return {};
  if (Array.isArray(cell)) {
    const [text, value, small, title] = cell;
    return { text, value, small, title };
  }
  return typeof cell === 'object' ? cell : { text: cell, value: cell };
}

const valueOf = (cell) => parts(cell).value;

const toggled = (list, item) =>
  (list.includes(item) ? list.filter((one) => one !== item) : [...list, item]);

/** A name whose middle gives way where there is no room. */
function middle(name) {
  if (name.length <= 18 || name.startsWith('…')) return [h('span', { class: 'start' }, name)];
  const end = name.slice(-10);
  return [h('span', { class: 'start' }, name.slice(0, -10)), h('span', { class: 'end' }, end)];
}

/** A bar of a share in [0, 1]; empty where there is none. */
function drawBar(share) {
  const bar = h('i', { class: share == null ? 'bar-track none' : 'bar-track' }, h('i'));
  bar.firstChild.style.width = `${34 * Math.max(0, Math.min(1, share ?? 0))}px`;
  return bar;
}

/** A line of heights in [0, 100], drawn small. */
function course(heights) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 58 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(ns, 'path');
  const points = heights.map((height, place) =>
    `${(1 + (56 * place) / (heights.length - 1)).toFixed(1)} ${(14.5 - 0.13 * height).toFixed(1)}`);
  path.setAttribute('d', `M${points.join('L')}`);
  svg.append(path);
  return svg;
}
