// How a hand moves the curves: pointer, touch, wheel and keys on one panel's drawing.

const CLICK = 4, BOX = 32;

function listen(curves, drawing, now) {
  let start = null; // Where a button was pressed, or two fingers were put down.
  const touches = new Map(), scale = () => ({ ...curves.scale(now()) }); // As it is now.
  const fingers = () => [...touches.values()].sort((a, b) => a - b);
  const show = ({ x, y }, across, up) => { // What is to be at the edges was at other places.
    const heights = up && curves.zoom.y[now().name] && [y.from, y.to].map((edge) => y.at(up(edge)));
    curves.show(now(), [x.from, x.to].map((edge) => x.at(across(edge))), heights);
  };
  const zoom = (factor, middle) => show(scale(), (edge) => middle + (edge - middle) * factor);
  const drag = (px, py) => { // Over x, beside the axis over y, over both where it is tall.
    const { x, y } = scale(), isBeside = start.px < LEFT, { name, range } = now();
    const isTall = isBeside || Math.abs(py - start.py) > BOX;
    const ends = (axis, ...places) => places.map((place) =>
      Math.min(Math.max(axis.at(place), axis.low), axis.high)).sort((a, b) => a - b);
    curves.drag = { in: name, range, x: isBeside ? null : ends(x, start.px, px),
      y: isTall ? ends(y, start.py, py) : null };
    curves.redraw();
  };
  drawing.onpointerdown = (event) => {
    const { offsetX: px, offsetY: py, pointerId, pointerType, shiftKey: moves } = event;
    drawing.setPointerCapture(pointerId);
    if (pointerType !== 'touch') start = event.button ? null : { px, py, scale: scale(), moves };
    else if (touches.set(pointerId, px).size === 1) curves.point(now(), px, py);
    else start = { from: fingers()[0], to: fingers()[1], scale: scale() };
  };
  drawing.onpointermove = ({ offsetX: px, offsetY: py, pointerId }) => {
    if (touches.has(pointerId)) touches.set(pointerId, px);
    if (!start) curves.point(now(), px, py);
    else if (touches.size) {
      const [from, to] = fingers(), ratio = (start.to - start.from) / Math.max(20, to - from);
      show(start.scale, (edge) => start.from + (edge - from) * ratio);
    } else if (start.moves) {
      show(start.scale, (edge) => edge + start.px - px, (edge) => edge + start.py - py);
    } else if (curves.drag || Math.hypot(px - start.px, py - start.py) > CLICK) drag(px, py);
  };
  drawing.onpointerup = drawing.onpointercancel = ({ pointerId, type }) => {
    const { drag: done } = curves, isClick = start && !start.moves && !touches.size;
    touches.delete(pointerId);
    if (!touches.size) start = null;
    curves.drag = null;
    if (done && type === 'pointerup') curves.show(now(), done.x, done.y);
    else if (isClick) curves.pin();
  };
  drawing.onpointerleave = ({ pointerType: kind }) => start ?? (kind === 'touch' || curves.leave());
  drawing.ondblclick = () => curves.reset();
  drawing.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(1.0015 ** event.deltaY, event.offsetX);
  }, { passive: false });
  drawing.onkeydown = (event) => {
    const { x } = scale(), middle = curves.cursor ? x.place(curves.cursor.x) : (x.from + x.to) / 2;
    const keys = { ArrowRight: () => curves.step(now(), 1), ArrowLeft: () => curves.step(now(), -1),
      '+': () => zoom(0.5, middle), '=': () => zoom(0.5, middle), '-': () => zoom(2, middle),
      Escape: () => (drawing.closest('.large') ? curves.enlarge(now()) : curves.reset()) };
    if (event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
}
