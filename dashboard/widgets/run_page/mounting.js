// How a part of the page is mounted: one object for each place it stands in.

function mounting(Part) {
  const parts_ = new WeakMap();
  return ({ parentElement, data, setTriggerValue }) => {
    let part = parts_.get(parentElement);
    if (!part) {
      part = new Part(parentElement.querySelector('.root'));
      parts_.set(parentElement, part);
    }
    part.tell = (value) => setTriggerValue('event', value);
    part.update(data);
    return () => part.leave?.();
  };
}
