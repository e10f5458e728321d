// Buttons that copy.

/** A button that copies a text, and says so. */
function copyButton(root, text, title, ...words) {
  const element = button('', 'content_copy', title, ...words);
  element.addEventListener('click', async () => {
    await copyText(text, root);
    element.firstChild.textContent = 'check';
    setTimeout(() => { element.firstChild.textContent = 'content_copy'; }, 1500);
  });
  return element;
}

/** Copy a text; on an address that is not secure there is no clipboard, and a field lends its own. */
async function copyText(text, root) {
  if (navigator.clipboard) { await navigator.clipboard.writeText(text); return; }
  const field = h('textarea', {}, text);
  root.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}
