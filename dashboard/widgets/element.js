// What every component begins with: how it is mounted, and what it makes its elements with.

/** Mount one object of a class in each element that a component stands in, on its `.name`. */
function mounting(Part, name = 'root') {
  return ({ parentElement, data, setStateValue, setTriggerValue }) => {
    const part = parentElement[name] ??= new Part(parentElement.querySelector(`.${name}`));
    part.send = setStateValue;
    part.tell = (value) => setTriggerValue('event', value);
    part.update(data);
    return () => {
      part.close?.();
      delete parentElement[name];
    };
  };
}

const LEAVING_MS = 3000;

/** Act where a link is pressed, until it is aborted. What is told to the server between the click
    and the next page would call back the page that the link leads away from: it waits. */
function beforeLeaving(act) {
  const leaving = new AbortController(), { signal } = leaving;
  const hear = (event) => { if (event.composedPath().some((node) => node.tagName === 'A')) act(); };
  for (const name of ['pointerdown', 'keydown']) {
    window.addEventListener(name, hear, { capture: true, signal });
  }
  return leaving;
}

/** Acts once the hand has rested for so many milliseconds, and is not about to leave the page. */
class Resting {
  constructor(delay, act) {
    Object.assign(this, { delay, act, timer: null });
    this.leaving = beforeLeaving(() => { if (this.timer) this.later(LEAVING_MS); });
  }

  later(delay = this.delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.act();
    }, delay);
  }

  abort() {
    clearTimeout(this.timer);
    this.leaving.abort();
  }
}

/** Give an element markup, where it has another; what stays keeps its focus, and a click on it. */
function fill(element, html) {
  const isOther = element.html !== html;
  if (isOther) element.innerHTML = element.html = html;
  return isOther;
}

/** An element with attributes, listeners (on…) and children; texts are never markup. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}
