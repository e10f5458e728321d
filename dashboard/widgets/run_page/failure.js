// Why a run failed or was stopped: the block that the server wrote, with a button in its head.
//
// data: {html, traceback}; the texts in `html` are escaped.

class Failure {
  constructor(root) { this.root = root; }

  update({ html, traceback }) {
    if (!fill(this.root, html) || !traceback) return;
    this.root.querySelector('.head').append(
      copyButton(this.root, traceback, 'Copy the traceback', 'Copy traceback'));
  }
}

export default mounting(Failure);
