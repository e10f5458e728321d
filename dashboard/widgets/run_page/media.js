// Images that runs logged by step: one card a key, with a slider and a strip of thumbnails.
//
// data.cards: {key, runs: [{name, color, baseline, pictures: [[step, address, path], …]}]}, this run
// first, the pictures in the order of their steps. Steps are turned here, without the server.

const STRIP = 9;
const PLAY_MS = 400;

class Media {
  constructor(root) {
    this.root = root;
    this.cards = new Map();
  }

  update(data) {
    const text = JSON.stringify(data);
    if (text === this.text) return;
    this.text = text;
    const kept = this.cards;
    this.cards = new Map(data.cards.map((one) => [one.key, new Card(one, kept.get(one.key))]));
    for (const card of kept.values()) card.stop();
    this.root.replaceChildren(...[...this.cards.values()].map((card) => card.element));
  }

  close() { for (const card of this.cards.values()) card.stop(); }
}

class Card {
  constructor(data, before) {
    this.data = data;
    this.pictures = data.runs[0].pictures;
    this.mode = before?.mode ?? 'this run';
    this.place = Math.min(before?.place ?? Infinity, this.pictures.length - 1);
    this.play = button('', 'play_arrow', 'Play');
    this.play.addEventListener('click', () => this.turnPlay());
    this.slider = h('input', { type: 'range', min: 0, max: this.pictures.length - 1,
      value: this.place, 'aria-label': `Step of ${data.key}`,
      oninput: () => this.go(Number(this.slider.value)) });
    this.step = h('strong');
    this.shown = h('div', { class: 'pictures' });
    this.strip = h('div', { class: 'strip' });
    const several = this.pictures.length > 1;
    this.element = h('section', { class: 'card', 'aria-label': data.key,
      onkeydown: (event) => this.key(event) },
    h('div', { class: 'title' }, h('h2', { title: data.key }, data.key),
      h('span', {}, several ? `${this.pictures.length} images, step ${this.pictures[0][0]} to `
        + `${this.pictures.at(-1)[0]}` : '1 image')),
    h('div', { class: 'turn' }, several && this.play, several && this.slider, this.step),
    this.modes(), this.shown, several && this.strip);
    this.draw();
  }

  modes() {
    const { runs } = this.data;
    const offered = ['this run', runs.some((run) => run.baseline) && 'beside baseline',
      runs.length > 1 && `all ${runs.length} shown runs`].filter(Boolean);
    if (!offered.includes(this.mode)) this.mode = 'this run';
    if (offered.length < 2) return null;
    const buttons = offered.map((mode) => h('button', { type: 'button', class: 'toggle',
      'aria-pressed': String(mode === this.mode), onclick: () => {
        this.mode = mode;
        buttons.forEach((one, place) =>
          one.setAttribute('aria-pressed', String(offered[place] === mode)));
        this.draw();
      } }, mode));
    return h('div', { class: 'modes' }, ...buttons);
  }

  go(place) {
    this.place = Math.max(0, Math.min(this.pictures.length - 1, place));
    this.slider.value = this.place;
    this.draw();
  }

  key(event) {
    if (event.target === this.slider && event.key !== ' ') return;
    const acts = { ArrowLeft: () => this.go(this.place - 1), ArrowRight: () => this.go(this.place + 1),
      ' ': () => this.turnPlay() };
    const isPress = event.key === ' ' && event.target.tagName === 'BUTTON';
    if (!acts[event.key] || isPress) return;
    event.preventDefault();
    acts[event.key]();
  }

  turnPlay() {
    if (this.timer) return this.stop();
    if (this.place === this.pictures.length - 1) this.go(0);
    this.timer = setInterval(() => {
      if (this.place === this.pictures.length - 1) this.stop();
      else this.go(this.place + 1);
    }, PLAY_MS);
    return this.label('pause', 'Pause');
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.label('play_arrow', 'Play');
  }

  label(name, title) {
    this.play.firstChild.textContent = name;
    this.play.title = title;
    this.play.setAttribute('aria-label', title);
  }

  draw() {
    const [step] = this.pictures[this.place];
    const { runs } = this.data;
    this.step.textContent = `step ${number(step)}`;
    this.slider.setAttribute('aria-valuetext', this.step.textContent);
    const seen = this.mode === 'this run' ? runs.slice(0, 1)
      : this.mode === 'beside baseline' ? runs.filter((run, place) => !place || run.baseline) : runs;
    this.shown.classList.toggle('several', seen.length > 1);
    this.shown.replaceChildren(...seen.map((run) => this.picture(run, step, seen.length > 1)));
    const first = Math.max(0, Math.min(this.place - Math.floor(STRIP / 2),
      this.pictures.length - STRIP));
    this.strip.replaceChildren(...this.pictures.slice(first, first + STRIP).map(([at, address], offset) =>
      h('button', { type: 'button', class: 'thumb', title: `Step ${at}`, 'aria-label': `Step ${at}`,
        'aria-current': first + offset === this.place ? 'true' : null,
        onclick: () => this.go(first + offset) },
      h('img', { src: `${address}?side=80`, alt: '', loading: 'lazy' }),
      h('span', {}, number(at)))));
  }

  /** What a run had logged up to a step. */
  picture(run, step, named) {
    const found = run.pictures.findLast(([at]) => at <= step);
    const caption = named && h('figcaption', { title: run.name }, run.name);
    if (!found) return h('figure', {}, h('p', { class: 'quiet' }, 'No image up to this step.'), caption);
    const [at, address] = found;
    const image = h('img', { src: `${address}?side=1000`, alt: `${this.data.key}, step ${at}, ${run.name}`,
      onload: () => image.classList.toggle('small', image.naturalWidth < 200) });
    return h('figure', {}, image, caption);
  }
}

export default mounting(Media);
