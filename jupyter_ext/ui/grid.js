// A grid or list of any length of which only what can be seen is in the document. Cells have fixed
// heights, so nothing moves while pictures arrive. One tab stop: the box has the focus, the active
// cell is named by aria-activedescendant and is always drawn while it is in sight.

import { eachFrame, element, uniqueId } from "./dom.js";

const GAP = 12;
const OVERSCAN = 2; // rows above and below
const SHAPES = {
  grid: { height: 228, least: 156, most: 8 },
  list: { height: 64, least: Infinity, most: 1 },
};

/**
 * @typedef {"grid"|"list"} Layout
 * @typedef {{
 *   label: string,
 *   make: (index: number, layout: Layout) => HTMLElement,
 *   remove: (index: number, node: HTMLElement) => void,
 *   settled: (first: number, end: number) => void,
 *   nearEnd: () => void,
 * }} Parts
 */

/** @param {Parts} parts */
export function virtualGrid(parts) {
  const stem = uniqueId("hits");
  const canvas = element("div", { class: "mixpeek-canvas", role: "presentation" });
  const box = element("div", {
    class: "mixpeek-hits", role: "listbox", tabindex: "0",
    "aria-multiselectable": "true", "aria-label": parts.label,
  }, canvas);
  /** @type {Map<number, HTMLElement>} */
  const drawn = new Map();
  /** @type {Layout} */
  let layout = "grid";
  let count = 0;
  let active = -1;
  let columns = 1;
  let pause = 0;

  const shape = () => SHAPES[layout];
  const pitch = () => shape().height + (layout === "grid" ? GAP : 0);
  const rows = () => Math.ceil(count / columns);
  const frame = eachFrame(draw);

  function measure() {
    const width = Math.max(1, canvas.clientWidth);
    const { least, most } = shape();
    columns = least === Infinity ? 1 : Math.max(1, Math.min(most, Math.floor((width + GAP) / (least + GAP))));
    return (width - GAP * (columns - 1)) / columns;
  }

  function draw() {
    const width = measure();
    const height = Math.max(0, rows() * pitch() - (layout === "grid" ? GAP : 0));
    canvas.style.height = `${height}px`;
    const first = Math.max(0, Math.floor(box.scrollTop / pitch()) - OVERSCAN) * columns;
    const seen = Math.ceil(box.clientHeight / pitch()) + 2 * OVERSCAN + 1;
    const end = Math.min(count, first + seen * columns);
    for (const [index, node] of drawn) {
      if (index < first || index >= end) {
        parts.remove(index, node);
        node.remove();
        drawn.delete(index);
      }
    }
    for (let index = first; index < end; index += 1) place(index, index - first, width);
    const named = drawn.get(active);
    if (named) box.setAttribute("aria-activedescendant", named.id);
    else box.removeAttribute("aria-activedescendant");
    clearTimeout(pause);
    pause = window.setTimeout(() => parts.settled(first, end), 80);
    if (box.scrollTop > 0 && box.scrollTop + box.clientHeight > height - 2 * pitch()) parts.nearEnd();
  }

  function place(/** @type {number} */ index, /** @type {number} */ nth, /** @type {number} */ width) {
    let node = drawn.get(index);
    if (!node) {
      node = parts.make(index, layout);
      node.id = `${stem}-${index}`;
      node.setAttribute("role", "option");
      node.setAttribute("aria-posinset", String(index + 1));
      node.dataset.index = String(index);
      drawn.set(index, node);
    }
    node.setAttribute("aria-setsize", String(count));
    node.classList.toggle("mixpeek-active", index === active);
    const left = (index % columns) * (width + GAP);
    const top = Math.floor(index / columns) * pitch();
    node.style.cssText = `transform:translate(${left}px,${top}px);width:${width}px;height:${shape().height}px`;
    if (canvas.children[nth] !== node) canvas.insertBefore(node, canvas.children[nth] ?? null);
  }

  function reveal(/** @type {number} */ index) {
    const top = Math.floor(index / columns) * pitch();
    const bottom = top + shape().height;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }

  const watch = new ResizeObserver(frame.ask);
  watch.observe(box);
  box.addEventListener("scroll", frame.ask, { passive: true });

  return {
    box,
    get active() { return active; },
    get columns() { return columns; },
    /** How many rows a page of the keyboard is. */
    get page() { return Math.max(1, Math.floor(box.clientHeight / pitch())); },
    /** Pixels that all of it takes. */
    get whole() { measure(); return rows() * pitch(); },
    node: (/** @type {number} */ index) => drawn.get(index),
    /** Everything anew: other hits, another layout. */
    reset(/** @type {number} */ length, /** @type {Layout} */ as) {
      for (const [index, node] of drawn) parts.remove(index, node);
      drawn.clear();
      canvas.replaceChildren();
      [count, layout, active] = [length, as, Math.min(active, length - 1)];
      box.dataset.layout = as;
      box.scrollTop = 0;
      draw();
    },
    /** More at the end; what is drawn stays. */
    grow(/** @type {number} */ length) { count = length; draw(); },
    activate(/** @type {number} */ index) {
      active = Math.max(-1, Math.min(index, count - 1));
      if (active >= 0) reveal(active);
      draw();
    },
    stop() {
      watch.disconnect();
      frame.stop();
      clearTimeout(pause);
      for (const [index, node] of drawn) parts.remove(index, node);
      drawn.clear();
    },
  };
}
