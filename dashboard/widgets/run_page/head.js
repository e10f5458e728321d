// The head of a run's page: name, status, tags and what may be done, on one line; facts below it.
//
// data: see run_head.py. What a person does is an event: {do, …}. While a field is open, what the
// server says waits until it is closed.

class Head {
  constructor(root) {
    this.root = root;
    this.field = null;
  }

  update(data) {
    this.data = data;
    if (!this.field?.isConnected) this.draw();
  }

  draw() {
    const { data } = this;
    const dot = h('i', { class: 'dot' });
    if (data.color) dot.style.background = data.color;
    this.line = h('div', { class: 'line' }, dot,
      h('h1', { dir: 'auto', title: data.name }, data.name),
      !data.deleted && this.icon('edit', 'Rename', () => this.rename()),
      h('span', { class: `pill ${data.tone}` }, data.status),
      data.duration && h('span', { class: 'quiet' }, data.duration),
      ...data.tags.map((tag) => this.chip(tag)),
      !data.deleted && this.add(), h('span', { class: 'space' }), this.acts());
    const facts = data.facts.map(([name, value, title, copied]) => h('div', {},
      h('dt', {}, name), h('dd', { title: title || value }, value,
        copied && copyButton(this.root, copied, `Copy ${name.toLowerCase()}`))));
    this.root.replaceChildren(this.line, h('dl', { class: 'facts' }, ...facts));
  }

  icon(name, title, onclick, ...text) {
    const element = button('', name, title, ...text);
    element.addEventListener('click', onclick);
    return element;
  }

  acts() {
    const { data } = this;
    const turn = (name, title, id) => {
      const element = this.icon(name, title, () => this.tell({ do: 'open', id }));
      element.disabled = !id;
      return element;
    };
    return h('div', { class: 'acts' }, turn('chevron_left', 'Previous run of the list', data.previous),
      turn('chevron_right', 'Next run of the list', data.next),
      ...(data.deleted
        ? [this.icon('restore_from_trash', 'Restore', () => this.tell({ do: 'restore' }), 'Restore')]
        : [this.icon('keep', 'Compare others with this run', () => this.tell({ do: 'baseline' }),
          data.baseline ? 'Unpin baseline' : 'Baseline'),
        data.command && copyButton(this.root, data.command, data.command, 'Rerun',
          h('span', { class: 'wide' }, 'command')),
        h('a', { href: data.zip, class: 'icon-only', title: 'Download all files as zip',
          'aria-label': 'Download all files as zip', download: true }, icon('folder_zip')),
        this.icon('delete', 'Delete', () => this.tell({ do: 'delete' }))]));
  }

  chip([key, value]) {
    const text = value ? `${key} ${value}` : key;
    if (this.data.deleted) return h('span', { class: 'chip', title: text }, h('b', {}, key), ` ${value}`);
    const edit = h('button', { type: 'button', class: 'text', title: text,
      'aria-label': `Change the tag ${text}`,
      onclick: () => this.ask(edit.parentNode, text, 'Tag: key value', (said) => this.tag(said, key)) },
    h('b', {}, key), value ? ` ${value}` : '');
    return h('span', { class: 'chip' }, edit, this.icon('close', `Remove the tag ${key}`,
      () => this.tell({ do: 'untag', key })));
  }

  add() {
    const element = this.icon('add', 'Add a tag', () =>
      this.ask(element, '', 'Tag: key value', (said) => this.tag(said)), 'tag');
    return element;
  }

  tag(said, before = '') {
    const key = before && (said === before || said.startsWith(`${before} `)) ? before
      : said.split(/\s+/, 1)[0];
    this.tell({ do: 'tag', key, value: said.slice(key.length).trim(), before });
  }

  rename() {
    this.ask(this.line.querySelector('h1'), this.data.name, 'Name', (name) =>
      this.tell({ do: 'rename', name }));
  }

  /** A field in the place of an element; Enter saves, Escape or leaving it does not. */
  ask(element, text, label, save) {
    const close = () => { this.field = null; this.draw(); };
    this.field = h('input', { type: 'text', class: 'field', value: text, 'aria-label': label,
      placeholder: label, maxlength: '5000', onkeydown: (event) => {
        event.stopPropagation();
        const said = event.target.value.trim();
        if (event.key === 'Enter' && said) { close(); save(said); }
        if (event.key === 'Escape') close();
      }, onblur: () => this.field && close() });
    this.field.style.width = `${Math.min(60, Math.max(18, text.length + 4))}ch`;
    element.replaceWith(this.field);
    this.field.focus();
    this.field.select();
  }
}

export default mounting(Head);
