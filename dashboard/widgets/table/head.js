// What stands above and below the rows: search, groups, order, counts, actions.

class Head extends Rows {
  buildHead() {
    this.search = h('input', { type: 'text', spellcheck: 'false', autocomplete: 'off',
      'aria-label': 'Filter', placeholder: 'Name or metrics.acc > 0.9',
      oninput: () => this.type(), onkeydown: (event) => {
        if (event.key === 'Enter') this.sendReport();
        if (event.key === 'Escape') { this.search.value = ''; this.type(); }
        if (event.key === 'ArrowDown') this.grid.focus();
        event.stopPropagation();
      } });
    this.problem = h('div', { class: 'problem', role: 'alert' });
    this.group = h('select', { 'aria-label': 'Group by', title: 'Group by',
      onchange: () => this.set({ group: this.group.value }) });
    this.sort = h('select', { 'aria-label': 'Sort by', title: 'Sort by',
      onchange: () => this.set({ sort: this.sort.value, descending: null }) });
    this.direction = button('direction', 'arrow_downward', 'Turn the order round');
    this.pills = h('div', { class: 'pills', role: 'group', 'aria-label': 'Status' });
    this.count = h('div', { class: 'count-line' });
    this.columnsButton = button('columns', 'view_column', 'Columns', 'Columns');
    this.head.append(
      h('label', { class: 'search' }, icon('search'), this.search,
        button('clear-search', 'close', 'Clear')), this.problem,
      h('div', { class: 'selects' }, h('label', { class: 'select' }, icon('account_tree'),
        this.group, icon('expand_more')), this.pills, h('label', { class: 'select sort' }, this.sort),
        this.direction),
      this.count, this.columnsButton);
  }

  drawHead() {
    const { data, state } = this;
    if (this.root.getRootNode().activeElement !== this.search) this.search.value = state.filter;
    this.fill(this.group, data.groupings, state.group);
    this.fill(this.sort, data.sorts, state.sort);
    this.direction.firstChild.textContent = state.descending ? 'arrow_downward' : 'arrow_upward';
    this.search.toggleAttribute('aria-invalid', Boolean(data.problem));
    this.problem.replaceChildren();
    if (data.problem) {
      this.problem.append(data.problem.sentence, ...(data.problem.correction ? [' Did you mean ',
        button('correct', '', data.problem.correction, data.problem.word), '?'] : []));
    }
    if (data.mode === 'grid') this.drawHeader();
    if (data.mode !== 'table') return;
    this.pills.replaceChildren(...data.statuses.map(([status, count]) =>
      h('button', { type: 'button', class: 'pill', 'data-act': 'status', 'data-status': status,
        'aria-pressed': String(state.statuses.includes(status)) },
      `${status[0]}${status.slice(1).toLowerCase()}`, h('span', {}, count.toLocaleString('en')))));
    this.drawHeader();
  }

  fill(select, options, chosen) {
    const texts = JSON.stringify([options, chosen]);
    if (select.dataset.texts === texts) return;
    select.dataset.texts = texts;
    const known = options.some(([key]) => key === chosen) ? options
      : [...options, [chosen, chosen.replace(/^(metrics|params|tags)\./, '')]];
    select.replaceChildren(...known.map(([key, text]) =>
      h('option', { value: key, selected: key === chosen }, text)));
    select.value = chosen;
  }

  drawHeader() {
    const { sort, descending } = this.state;
    const all = this.allTicked ? 'all' : this.ticked.size ? 'some' : '';
    const cells = this.data.columns.map((column) => {
      const sorted = column.key === sort;
      const arrow = sorted && icon(descending ? 'arrow_downward' : 'arrow_upward');
      const tinted = column.tinted ? 'tinted' : '';
      const dot = column.color
        ? h('span', { class: `dot all ${column.square ? 'square' : ''}` }, h('i')) : null;
      dot?.style.setProperty('--color', column.color);
      const entry = column.note ? 'entry' : '';
      return h('span', { class: `cell ${column.kind} ${tinted} ${entry}`, role: 'columnheader',
        'aria-sort': sorted ? (descending ? 'descending' : 'ascending') : null }, dot,
      column.sortable
        ? h('button', { type: 'button', 'data-act': 'sort', 'data-sort': column.key,
          title: column.title, class: sorted ? 'sorted' : '' }, arrow, h('span', {}, column.title))
        : h('span', { class: 'title', title: column.title }, ...middle(column.title)),
      column.note && h('small', { class: 'under' }, column.note));
    });
    if (this.data.mode === 'grid') {
      this.header.replaceChildren(h('span', { class: 'lead', role: 'columnheader' },
        h('span', { class: 'title' }, this.data.lead)), ...cells);
      return;
    }
    this.header.replaceChildren(h('span', { class: 'lead', role: 'columnheader' },
      h('button', { type: 'button', class: `tick ${all}`, 'data-act': 'tick-all',
        'aria-label': 'Tick all that match', title: 'Tick all that match' },
      icon(all === 'all' ? 'check' : all ? 'remove' : '')), h('span', { class: 'title' }, 'Run')),
    ...cells);
  }

  drawCount() {
    const { data } = this;
    if (data.mode === 'grid') return;
    const groups = this.tops.filter((row) => row.group || row.children.length).length;
    const filtered = this.state.filter.trim() || this.state.statuses.length;
    const of = filtered ? `${data.total.toLocaleString('en')} of ` : '';
    const noun = data.unfiltered === 1 ? 'run' : 'runs';
    const deleted = this.state.deleted ? 'deleted ' : '';
    const parts = [groups && `${this.tops.length} rows`,
      `${of}${data.unfiltered.toLocaleString('en')} ${deleted}${noun}`,
      `${this.shown.size} shown`,
      !this.complete && `first ${data.listed.toLocaleString('en')} listed`];
    const said = parts.filter(Boolean).join(' · ');
    this.count.replaceChildren(h('span', { title: said }, said), h('span', {},
      ...(filtered && !data.problem ? [
        button('tick-all', '', 'Tick all that match', `Tick all ${data.total.toLocaleString('en')}`),
        button('show-these', '', 'Show only these in the charts', 'Show only these')] : [
        data.mode === 'list' && button('all', 'visibility', 'Show all, or none', 'all'),
        !this.isFlat && button('fold-all', this.unfolded.size ? 'unfold_less' : 'unfold_more',
          'Fold or unfold all', this.unfolded.size ? 'fold' : 'unfold')].filter(Boolean))));
  }

  drawFoot() {
    const { data } = this;
    if (data.mode === 'grid') return;
    const chosen = this.allTicked ? data.total : this.ticked.size;
    this.root.classList.toggle('acting', chosen > 0 || Boolean(this.undoing));
    if (!chosen) {
      this.foot.className = 'foot';
      this.foot.replaceChildren(this.undoing ? h('div', { class: 'undo', role: 'status' },
        h('span', {}, `${this.undoing.toLocaleString('en')} deleted`),
        button('undo', '', 'Undo', 'Undo')) : data.mode === 'list'
        ? h('div', { class: 'hint' }, h('span', {}, '↑↓ move · space shows · x ticks'),
          button('keys', '', 'All keys', '? all keys')) : this.equalNote());
      return;
    }
    const text = data.mode === 'table' || matchMedia(PHONE).matches;
    const said = (name) => (text ? [name] : []);
    const number = chosen.toLocaleString('en');
    const beyond = this.allTicked && !this.complete;
    this.foot.className = 'foot bar';
    this.foot.replaceChildren(...[h('strong', {}, this.allTicked
      ? `All ${number} that match are ticked` : `${number} ticked`),
    beyond && button('tick-listed', '', 'Tick only these', `Only the ${data.listed} listed`),
    h('span', { class: 'space' }), this.tagField,
    button('bulk-show', 'visibility', 'Show in charts', ...said('Show in charts')),
    button('bulk-tag', 'sell', 'Add tag', ...said('Add tag')),
    button('bulk-compare', 'compare_arrows', 'Compare', ...said('Compare')),
    this.state.deleted ? button('bulk-restore', 'restore_from_trash', 'Restore', ...said('Restore'))
      : button('bulk-delete', 'delete', `Delete ${number}`, ...said(`Delete ${number}`)),
    button('clear', 'close', 'Clear')].filter(Boolean));
    this.foot.querySelector('[data-act=bulk-delete]')?.classList.add('danger');
  }

  equalNote() {
    const { equal } = this.data;
    const deleted = h('label', { class: 'deleted' }, h('input', { type: 'checkbox',
      checked: this.state.deleted, onchange: (event) =>
        this.set({ deleted: event.target.checked }) }), 'Deleted runs');
    if (!equal.length) return h('div', { class: 'note-line' }, h('span'), deleted);
    const said = `Columns that differ come first; ${equal.length} equal parameters are folded`;
    return h('div', { class: 'note-line' }, h('details', {}, h('summary', {}, said),
      h('div', { class: 'equal' }, ...equal.map(([key, value]) =>
        h('span', {}, h('b', {}, key), ` ${value}`)))), deleted);
  }
}
