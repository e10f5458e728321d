// What a page saves: files, and pictures of pages that stand alone.

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
