// A stored HTML page, shown where it can do nothing: no scripts, forms, links or requests.
//
// data: {html, title}. An empty sandbox has an origin of its own; the policy in the page's first line
// comes on top of the dashboard's, and a base that leads nowhere keeps links from leading anywhere.

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

class Frame {
  constructor(root) { this.root = root; }

  update({ html, title }) {
    if (html === this.html) return;
    this.html = html;
    const frame = h('iframe', { sandbox: '', title, referrerpolicy: 'no-referrer', loading: 'eager',
      srcdoc: `<!doctype html><meta http-equiv="Content-Security-Policy" content="${POLICY}">`
        + `<style>:root{background:#fff;color:#141a26}</style>${html}` });
    this.root.replaceChildren(frame);
  }
}

export default mounting(Frame);
