// Panels as files: a drawing of one, all of them as a page.

function drawingOf(curves, panel) { // A panel with its name and a legend below.
  draw(curves.scale(panel), curves.lines(panel));
  const { drawing, title, size: [width, height] } = panel;
  const copy = plainDrawing(drawing, (node) => (node.closest('.lines') ? UNIT : 1));
  const shown = curves.lines(panel).filter(({ role }) => role !== 'member');
  const words = [[title, 'none'], ...new Map(shown.map(({ name, color }) => [name, color]))];
  const all = height + 12 + 18 * words.length, ink = getComputedStyle(panel.find('h2')).color;
  copy.innerHTML += words.map(([text, color], i) =>
    `<g transform="translate(${LEFT} ${height + 12 + 18 * i})" font-size="11">`
      + `<circle cx="4" r="4" fill="${color}"/>`
      + `<text x="${i ? 14 : 0}" dy=".35em" fill="${ink}">${text}</text></g>`).join('');
  for (const [name, value] of Object.entries({ class: '', width, height: all,
    viewBox: `0 0 ${width} ${all}` })) copy.setAttribute(name, value);
  return new XMLSerializer().serializeToString(copy);
}

function viewOf(curves) { // All panels.
  const change = (copy) => curves.data.panels.forEach((panel, i) => {
    const plot = copy.querySelectorAll('.panel')[i].querySelector('.plot');
    if (plot) plot.innerHTML = drawingOf(curves, panel);
  });
  return partAlone(curves.body, '.tools, .menu, .hint, .box, .plot ~ .values, [hidden]', change);
}
