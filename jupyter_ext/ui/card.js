// One hit as a card of the grid or as a line of the list. Areas have fixed sizes: a picture that
// comes later, or never, moves nothing.

import { clock, element, place } from "./dom.js";
import { marked, snippet } from "./marks.js";
import { mayHavePicture } from "./pictures.js";

/** @typedef {import("./types.js").Hit} Hit @typedef {import("./types.js").Reason} Reason */
/** @typedef {{wanted: string[], strongest: number, trans: import("./types.js").Trans}} Shown */

const REASONS = 3;

/** `visual 0.71`, `words 6.3`, `rerank 4.2`. @param {Reason} reason */
export function reasonText(reason) {
  if (reason.kind === "text") return `words ${reason.score.toFixed(1)}`;
  if (reason.kind === "rerank") return `rerank ${reason.score.toFixed(1)}`;
  return `${(reason.feature ?? "vector").split("/").at(-1)} ${reason.score.toFixed(2)}`;
}

/** The end of a path tells more than its beginning. @param {string} name @param {number} size */
export function shortName(name, size) {
  if (name.length <= size) return name;
  const last = name.split("/").at(-1) ?? name;
  if (last.length < size - 1) return last === name ? name : `…/${last}`;
  return `${last.slice(0, size - 12)}…${last.slice(-11)}`;
}

/** The largest score of words among hits: bars are drawn against it. @param {Hit[]} hits */
export function strongestWords(hits) {
  let most = 0;
  for (const hit of hits) for (const reason of hit.reasons) if (reason.kind === "text") most = Math.max(most, reason.score);
  return most || 1;
}

/** @param {Hit} hit @param {Shown} shown @param {number} most */
export function reasons(hit, shown, most = REASONS) {
  const why = element("div", { class: "mixpeek-why" });
  for (const reason of hit.reasons.slice(0, most)) {
    const full = reason.kind === "text" ? shown.strongest : 1;
    const share = reason.kind === "rerank" ? 1 / (1 + Math.exp(-reason.score)) : reason.score;  // a logit has no bounds
    const bar = element("i", { "aria-hidden": "true" });
    bar.style.width = `${Math.max(3, Math.min(34, Math.round((34 * share) / full)))}px`;
    why.append(element("span", {}, bar, reasonText(reason)));
  }
  return why;
}

/** The passage with the query's words marked, else the labels, else the type.
 * @param {Element} node @param {Hit} hit @param {string[]} wanted @param {number} size */
export function tell(node, hit, wanted, size) {
  const passage = snippet(hit.text, wanted, size);
  if (passage) marked(node, passage, wanted);
  else node.textContent = (hit.labels ?? []).slice(0, 6).join(" · ") || hit.mime;
}

/** Whether the browser may be able to play it. @param {Hit} hit */
export function plays(hit) {
  return /^(audio|video)\//.test(hit.mime);
}

/** What a screen reader says of the whole card. @param {Hit} hit @param {Shown} shown */
function label(hit, shown) {
  const said = snippet(hit.text, shown.wanted, 90) || (hit.labels ?? []).slice(0, 4).join(", ");
  return [hit.object_name, place(hit), said, hit.reasons.slice(0, REASONS).map(reasonText).join(", ")].filter(Boolean).join(", ");
}

/** @param {Hit} hit @param {Shown} shown @param {"grid"|"list"} layout */
export function card(hit, shown, layout) {
  const where = place(hit);
  const play = plays(hit) ? "▶ " : "";
  const badge = where || play ? `${play}${hit.start_ms != null && !hit.end_ms ? clock(hit.start_ms) : where}`.trim() : "";
  const area = element("div", { class: "mixpeek-area" });
  if (mayHavePicture(hit)) area.classList.add("mixpeek-waits");
  else passage(area, hit, shown, layout);
  if (badge) area.append(element("span", { class: "mixpeek-badge" }, badge));
  const said = element("div", { class: "mixpeek-said" });
  if (mayHavePicture(hit)) tell(said, hit, shown.wanted, layout === "grid" ? 70 : 160);
  else if (layout === "list") tell(said, hit, shown.wanted, 160);
  else said.textContent = (hit.labels ?? []).slice(0, 6).join(" · ");
  return element("div", { class: "mixpeek-card", "aria-label": label(hit, shown), title: hit.object_name },
    area,
    element("span", { class: "mixpeek-tick", "aria-hidden": "true" }),
    element("div", { class: "mixpeek-caption" },
      element("b", {}, shortName(hit.object_name, layout === "grid" ? 23 : 70)), said, reasons(hit, shown)));
}

/** @param {Element} area @param {Hit} hit @param {Shown} shown @param {"grid"|"list"} layout */
function passage(area, hit, shown, layout) {
  if (layout === "list") {
    area.append(element("span", { class: "mixpeek-suffix" }, suffix(hit)));
    return;
  }
  const node = element("div", { class: "mixpeek-passage" });
  tell(node, hit, shown.wanted, 130);
  area.prepend(node);
}

function suffix(/** @type {Hit} */ hit) {
  const found = /\.([a-z0-9]{1,5})$/i.exec(hit.object_name);
  return found ? found[1].toLowerCase() : (hit.payload?.kind ?? "");
}

/** The picture has come (or there is none). @param {HTMLElement} node @param {Hit} hit
 * @param {string|null} url @param {Shown} shown @param {"grid"|"list"} layout */
export function illustrate(node, hit, url, shown, layout) {
  const area = /** @type {Element} */ (node.querySelector(".mixpeek-area"));
  if (!area.classList.contains("mixpeek-waits")) return;
  area.classList.remove("mixpeek-waits");
  if (url === null) {
    passage(area, hit, shown, layout);
    return;
  }
  const image = element("img", { alt: "", decoding: "async", draggable: "false" });
  image.addEventListener("error", () => { image.remove(); passage(area, hit, shown, layout); }, { once: true });
  image.src = url;
  area.prepend(image);
}
