// Panels as files: a drawing of one, all of them as a page; `savePage` makes pictures of pages.

const PLAIN = 'system-ui, sans-serif'; // A file does not carry the page's own font.

class SvgPen { // What `paint` uses of a canvas' context, as SVG.
  constructor(width, height) { Object.assign(this, { width, height, parts: [] }); }

  beginPath() { this.path = ''; }

  moveTo(x, y) { this.path += `M${x.toFixed(2)} ${y.toFixed(2)}`; }

  lineTo(x, y) { this.path += `L${x.toFixed(2)} ${y.toFixed(2)}`; }

  rect(x, y, width, height) { this.path += `M${x} ${y}h${width}v${height}h${-width}Z`; }

  arc(x, y, r) {
    const half = `a${r} ${r} 0 1 0`;
    this.path += `M${x - r} ${y}${half} ${2 * r} 0${half} ${-2 * r} 0`;
  }

  stroke() { this.add('none', this.strokeStyle); }

  fill() { this.add(this.fillStyle, 'none'); }

  add(fill, stroke) {
    this.parts.push(`<path d="${this.path}" fill="${fill}" stroke="${stroke}" `
      + `stroke-width="${this.lineWidth}" stroke-linejoin="round" opacity="${this.globalAlpha}"/>`);
  }

  fillText(text, x, y) {
    const anchor = { center: 'middle', right: 'end', left: 'start' }[this.textAlign];
    this.parts.push(`<text x="${x}" y="${y}" dy=".35em" text-anchor="${anchor}" font-size="11"`
      + ` fill="${this.fillStyle}" font-family="${PLAIN}">`
      + `${h('text', {}, text).innerHTML}</text>`);
  }

  save() {}

  clip() {
    SvgPen.count = (SvgPen.count ?? 0) + 1; // Names are unique where drawings are together.
    const id = `plot${SvgPen.count}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath>`,
      `<g clip-path="url(#${id})">`);
  }

  restore() { this.parts.push('</g>'); }

  toString() {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}">`
      + `${this.parts.join('')}</svg>`;
  }
}

function drawing(curves, panel) { // A panel with its name and a legend below.
  const { x, y } = curves.scale(panel), below = y.from + BOTTOM + 8;
  const shown = curves.lines(panel).filter(({ role }) => role !== 'member');
  const legend = [...new Map(shown.map(({ label, color }) => [label, color]))];
  const pen = new SvgPen(x.to + RIGHT, below + 22 + 18 * legend.length);
  paint(curves, panel, pen);
  Object.assign(pen, { globalAlpha: 1, textAlign: 'left', fillStyle: curves.token('text-1') });
  pen.fillText(panel.name, LEFT, below);
  legend.forEach(([label, color], i) => {
    dot(pen, LEFT + 4, below + 18 * (i + 1), 4, color);
    pen.fillStyle = curves.token('text-2');
    pen.fillText(label, LEFT + 14, below + 18 * (i + 1));
  });
  return String(pen);
}

function pageOf(curves, body, css = '') { // One HTML file that needs nothing else.
  const names = new Set(['ground', ...(css.match(/(?<=--)[\w-]+/g) ?? [])]);
  const tokens = [...names].map((name) => [name, name === 'font' ? PLAIN : curves.token(name)])
    .filter(([, value]) => value).map(([name, value]) => `--${name}:${value}`);
  return '<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>Curves</title><style>'
    + `body{${tokens.join(';')};margin:0;background:var(--ground)}${css}</style></head>`
    + `<body>${body}</body></html>`;
}

function viewOf(curves) { // All panels.
  const copy = curves.body.cloneNode(true), root = curves.body.getRootNode();
  for (const node of copy.querySelectorAll('.tools, .menu, .hint, .box, [hidden]')) node.remove();
  curves.data.panels.forEach((panel, i) => {
    const plot = copy.querySelectorAll('.panel')[i].querySelector('.plot');
    if (plot) plot.innerHTML = drawing(curves, panel);
  });
  const css = [...root.querySelectorAll('style')].map((style) => style.textContent).join('');
  return pageOf(curves, copy.outerHTML, `${css}body{padding:24px}`);
}
