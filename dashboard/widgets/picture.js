// What a page saves: files, and pictures of pages that stand alone.

const PLAIN_FONT = 'system-ui, sans-serif'; // A file does not carry the page's own font.
const LOOKS = ['fill', 'stroke', 'stroke-width', 'stroke-linecap', 'stroke-linejoin',
  'stroke-opacity', 'fill-opacity', 'font-size', 'text-anchor'];

/** A copy of a drawing that needs no style sheet; `unit` says how many units a node's pixel has. */
function plainDrawing(svg, unit) {
  const copy = svg.cloneNode(true), inside = 'svg, g, path, text';
  const twins = copy.querySelectorAll(inside), gone = [];
  svg.querySelectorAll(inside).forEach((node, i) => {
    const look = getComputedStyle(node);
    for (const name of LOOKS) twins[i].setAttribute(name, look.getPropertyValue(name));
    twins[i].setAttribute('stroke-width', unit(node) * parseFloat(look.strokeWidth));
    for (const name of ['class', 'style', 'data-ids', 'data-n']) twins[i].removeAttribute(name);
    if (look.display === 'none') gone.push(twins[i]);
  });
  for (const node of gone) node.remove();
  copy.setAttribute('font-family', PLAIN_FONT);
  return copy;
}

/** One HTML file that needs nothing else, with the tokens that a part of the page has. */
function pageAlone(part, body, css = '') {
  const style = getComputedStyle(part), { innerHTML: title } = h('title', {}, document.title);
  const names = new Set(['ground', ...(css.match(/(?<=--)[\w-]+/g) ?? [])]);
  const tokens = [...names].map((name) => `--${name}:${name === 'font' ? PLAIN_FONT
    : style.getPropertyValue(`--${name}`)}`).filter((token) => !token.endsWith(':'));
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>${title}</title><style>`
    + `body{${tokens.join(';')};margin:0;background:var(--ground)}${css}</style></head>`
    + `<body>${body}</body></html>`;
}

/** A part of the page as a page of its own, `without` what only a hand needs, and changed. */
function partAlone(part, without, change) {
  const copy = part.cloneNode(true), root = part.getRootNode();
  for (const node of copy.querySelectorAll(without)) node.remove();
  change?.(copy);
  const css = [...root.querySelectorAll('style')].map((style) => style.textContent).join('');
  return pageAlone(part, copy.outerHTML, `${css}body{padding:24px}`);
}

/** Save a page as a PNG: drawn inside an image, where nothing is fetched and nothing runs. */
async function savePage(html, name, width = 'max-content') {
  const page = new DOMParser().parseFromString(html, 'text/html');
  page.body.prepend(page.querySelector('style'));
  const probe = document.createElement('div');
  probe.style.cssText = `position: absolute; visibility: hidden; width: ${width}`;
  probe.attachShadow({ mode: 'open' }).append(page.body.cloneNode(true));
  document.body.append(probe);
  const [wide, tall] = [probe.scrollWidth, probe.scrollHeight];
  probe.remove();
  const body = new XMLSerializer().serializeToString(page.body);
  const image = new Image(), canvas = document.createElement('canvas');
  image.src = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg"'
    + ` width="${wide}" height="${tall}"><foreignObject width="100%" height="100%">${body}`
    + '</foreignObject></svg>')}`;
  await image.decode();
  const dense = Math.min(2, 16_000 / Math.max(wide, tall)); // A canvas may not be larger.
  Object.assign(canvas, { width: dense * wide, height: dense * tall });
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => save('image/png', blob, name));
}

/** Save a content as a file of a type. */
function save(type, content, name) {
  const link = document.createElement('a');
  const href = URL.createObjectURL(new Blob([content], { type }));
  Object.assign(link, { href, download: name.replace(/[^\w.-]+/g, '_') });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}
