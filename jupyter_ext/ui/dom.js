// Elements, words and figures that both views use. Untrusted text goes in as text nodes only.

/** @typedef {import("./types.js").Trans} Trans */

/**
 * An element. Properties are set as attributes; "on…" are listeners, "class" is the class, false and
 * null are left out, true is an empty attribute. Strings among the children become text nodes.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {any}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child || child === "").map((child) => /** @type {any} */ (child)));
  return made;
}

/** Sets the text only where it differs, so that nothing flickers and a reader is not told twice. */
export function say(/** @type {Element} */ node, /** @type {string} */ text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @type {Trans} */
const english = {
  __: (text, ...args) => filled(text, args),
  _n: (one, many, count, ...args) => filled(count === 1 ? one : many, args.length ? args : [number(count)]),
};

function filled(/** @type {string} */ text, /** @type {any[]} */ args) {
  return text.replace(/%(\d)/g, (_, place) => String(args[Number(place) - 1] ?? ""));
}

/** @param {Trans|undefined} trans @returns {Trans} */
export function words(trans) {
  return trans ?? english;
}

export function number(/** @type {number} */ value) {
  return Math.round(value).toLocaleString("en-US");
}

/** A place in a recording: 0:42, 12:03, 1:02:03. */
export function clock(/** @type {number} */ ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Where in its object a document is; empty when it is the whole.
 * @param {{page: number|null, start_ms: number|null, end_ms: number|null}} hit */
export function place(hit) {
  const parts = hit.page != null ? [`p. ${hit.page}`] : [];
  if (hit.start_ms != null) {
    const until = hit.end_ms != null && hit.end_ms > hit.start_ms ? `–${clock(hit.end_ms)}` : "";
    parts.push(clock(hit.start_ms) + until);
  }
  return parts.join(" ");
}

/** A time that is an estimate: 4 s, 50 s, 12 min, 3 h. */
export function about(/** @type {number} */ seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** 0.8 s, 12 s, 1 min 52 s, 3 h 5 min. */
export function duration(/** @type {number} */ seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${s} s` : `${s} s`;
}

/** 312/s, 1.1/s, 0.04/s. */
export function rate(/** @type {number} */ perSecond) {
  const digits = perSecond >= 10 ? 0 : perSecond >= 0.1 ? 1 : 2;
  return digits ? `${perSecond.toFixed(digits)}/s` : `${number(perSecond)}/s`;
}

let serial = 0;
/** An id that no other element of this page has. */
export function uniqueId(/** @type {string} */ stem) {
  serial += 1;
  return `mixpeek-${stem}-${serial}-${Math.random().toString(36).slice(2, 8)}`;
}

/** One quiet place per view where a screen reader is told what happened.
 * @returns {{node: HTMLElement, tell(text: string): void}} */
export function announcer() {
  const node = element("div", { class: "mixpeek-aside", role: "status", "aria-live": "polite" });
  return { node, tell: (text) => say(node, text) };
}

/** Calls back at most once a frame, with the newest state.
 * @param {() => void} draw */
export function eachFrame(draw) {
  let asked = 0;
  const ask = () => {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; draw(); });
  };
  const stop = () => { cancelAnimationFrame(asked); asked = 0; };
  return { ask, stop };
}
