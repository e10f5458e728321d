// How a hand moves the curves: pointer, touch, wheel and keys on one panel's canvas.

const CLICK = 4, BOX = 32;

function listen(curves, canvas, now) {
  let start = null; // Where a button was pressed, or two fingers were put down.
  const touches = new Map(), scale = () => curves.scale(now());
  const fingers = () => [...touches.values()].sort((a, b) => a - b);
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  const show = ({ x, y }, across, up) => { // What is to be at the edges was at other places.
    const heights = up && curves.zoom.y[now().name] && [y.from, y.to].map((edge) => y.at(up(edge)));
    curves.show(now(), [x.from, x.to].map((edge) => x.at(across(edge))), heights);
  };
  const zoom = (factor, middle) => show(scale(), (edge) => middle + (edge - middle) * factor);
  const drag = ([x, y]) => { // Over x, beside the axis over y, over both where it is tall.
    const { x: across, y: up } = scale(), isBeside = start.x < LEFT;
    const isTall = isBeside || Math.abs(y - start.y) > BOX;
    const range = (axis, ...ends) =>
      ends.map((end) => axis.at(axis.hold(end))).sort((a, b) => a - b);
    const { name, pairs } = now();
    curves.drag = { in: name, pairs, x: isBeside ? null : range(across, start.x, x),
      y: isTall ? range(up, start.y, y) : null };
    curves.redraw();
  };
  const pinch = () => {
    const [a, b] = fingers(), ratio = (start.to - start.from) / Math.max(20, b - a);
    show(start.scale, (edge) => start.from + (edge - a) * ratio);
  };
  canvas.onpointerdown = (event) => {
    const [x, y] = place(event);
    canvas.setPointerCapture(event.pointerId);
    if (event.pointerType !== 'touch') {
      start = event.button ? null : { x, y, scale: scale(), moves: event.shiftKey };
    } else if (touches.set(event.pointerId, x).size === 2) {
      const [from, to] = fingers();
      start = { from, to, scale: scale() };
    } else curves.point(now(), x, y);
  };
  canvas.onpointermove = (event) => {
    const [x, y] = place(event);
    if (touches.has(event.pointerId)) touches.set(event.pointerId, x);
    if (!start) curves.point(now(), x, y);
    else if ('from' in start) pinch();
    else if (start.moves) {
      show(start.scale, (edge) => edge + start.x - x, (edge) => edge + start.y - y);
    } else if (curves.drag || Math.hypot(x - start.x, y - start.y) > CLICK) drag([x, y]);
  };
  canvas.onpointerup = canvas.onpointercancel = (event) => {
    const { drag: done } = curves, begun = start;
    touches.delete(event.pointerId);
    start = touches.size ? start : null;
    curves.drag = null;
    if (done && event.type === 'pointerup') curves.show(now(), done.x, done.y);
    else if (begun && !begun.moves && !('from' in begun)) curves.pin();
  };
  canvas.onpointerleave = ({ pointerType }) => start ?? (pointerType === 'touch' || curves.leave());
  canvas.ondblclick = () => curves.reset();
  canvas.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(1.0015 ** event.deltaY, place(event)[0]);
  }, { passive: false });
  canvas.onkeydown = (event) => {
    const { x } = scale(), middle = curves.cursor ? x.place(curves.cursor.x) : (x.from + x.to) / 2;
    const isLarge = now().section.classList.contains('large');
    const keys = { ArrowRight: () => curves.step(now(), 1), ArrowLeft: () => curves.step(now(), -1),
      '+': () => zoom(0.5, middle), '=': () => zoom(0.5, middle), '-': () => zoom(2, middle),
      Escape: () => (isLarge ? curves.enlarge(now()) : curves.reset()) };
    if (event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
}
