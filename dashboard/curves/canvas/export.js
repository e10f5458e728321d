// Panels as files: a drawing of one, all of them as a page; `savePage` makes pictures of both.

class SvgPen { // What the drawing below uses of a canvas' context, as SVG.
  constructor(width, height) { Object.assign(this, { width, height, parts: [], path: '' }); }
  beginPath() { this.path = ''; }
  moveTo(x, y) { this.path += `M${x.toFixed(2)} ${y.toFixed(2)}`; }
  lineTo(x, y) { this.path += `L${x.toFixed(2)} ${y.toFixed(2)}`; }
  closePath() { this.path += 'Z'; }
  rect(x, y, width, height) { this.path += `M${x} ${y}h${width}v${height}h${-width}Z`; }
  arc(x, y, r) {
    const half = `a${r} ${r} 0 1 0 `;
    this.path += `M${x - r} ${y}${half}${2 * r} 0${half}${-2 * r} 0`;
  }
  stroke() { this.add('none', this.strokeStyle, this.lineWidth); }
  fill() { this.add(this.fillStyle, 'none', 0); }
  add(fill, stroke, width) {
    this.parts.push(`<path d="${this.path}" fill="${fill}" stroke="${stroke}"`
      + ` stroke-width="${width}" stroke-linejoin="round" opacity="${this.globalAlpha}"/>`);
  }
  fillText(text, x, y) {
    const node = element('text', { textContent: text });
    const anchor = { center: 'middle', right: 'end', left: 'start' }[this.textAlign];
    this.parts.push(`<text x="${x}" y="${y}" dy=".35em" text-anchor="${anchor}"`
      + ` fill="${this.fillStyle}" font-family="Source Sans, sans-serif" font-size="11">`
      + `${node.innerHTML}</text>`);
  }
  save() {}
  clip() {
    const id = `plot${SvgPen.count = (SvgPen.count ?? 0) + 1}`; // Unique where drawings are together.
    this.parts.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath>`,
      `<g clip-path="url(#${id})">`);
  }
  restore() { this.parts.push('</g>'); }
  toString() {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}">`
      + `${this.parts.join('')}</svg>`;
  }
}

function colorsByLabel(curves, panel) {
  const lines = curves.lines(panel).filter(({ member }) => !member);
  return new Map(lines.map(({ label, color }) => [label, color]));
}

const pictureHeight = (curves, panel) =>
  panel.size.height + 30 + 18 * colorsByLabel(curves, panel).size;

function picture(curves, panel, pen) { // A panel with its name and a legend below.
  const { height } = panel.size, token = tokens(curves);
  paint(curves, panel, pen);
  Object.assign(pen, { globalAlpha: 1, textAlign: 'left', fillStyle: token('text-1') });
  pen.fillText(panel.name, LEFT, height + 8);
  [...colorsByLabel(curves, panel)].forEach(([label, color], i) => {
    dot(pen, LEFT + 4, height + 26 + 18 * i, 4, color);
    pen.fillStyle = token('text-2');
    pen.fillText(label, LEFT + 14, height + 26 + 18 * i);
  });
}

function save(content, type, name) {
  const download = name.replace(/[^\w.-]+/g, '_');
  const link = element('a', { href: URL.createObjectURL(new Blob([content], { type })), download });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function drawing(curves, panel) {
  panel.size ??= { width: panel.nodes.section.clientWidth, height: HEIGHT };
  const pen = new SvgPen(panel.size.width, pictureHeight(curves, panel));
  picture(curves, panel, pen);
  return String(pen);
}

function pageOf(curves) { // All panels as one HTML file that needs nothing else.
  const copy = curves.body.cloneNode(true), root = curves.body.getRootNode();
  for (const node of copy.querySelectorAll('.tools, .menu, .hint, .box, [hidden]')) node.remove();
  curves.data.panels.forEach((panel, i) => {
    const plot = copy.querySelectorAll('.panel')[i].querySelector('.plot');
    if (plot) plot.innerHTML = drawing(curves, panel);
  });
  const css = [...root.querySelectorAll('style')].map((style) => style.textContent).join('');
  const named = [...new Set(css.match(/--[\w-]+/g))]
    .map((name) => [name, curves.style.getPropertyValue(name)])
    .filter(([, value]) => value).map((pair) => pair.join(':')).join(';');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>Curves</title><style>`
    + `:root{${named}}body{margin:0;padding:24px;background:var(--ground)}${css}</style></head>`
    + `<body>${copy.outerHTML}</body></html>`;
}
