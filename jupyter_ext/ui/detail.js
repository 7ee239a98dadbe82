// One hit in full: it plays from where it was found, or shows the page with the passage marked; all
// of the passage, why it was found, and what to do with it.

import { element, place } from "./dom.js";
import { reasonText, reasons, plays } from "./card.js";
import { marked } from "./marks.js";
import { mayHavePicture } from "./pictures.js";

/** @typedef {import("./types.js").Hit} Hit */
/** @typedef {import("./card.js").Shown} Shown */
const PICTURE = 640;
const PASSAGE = 4000;

/**
 * @param {{
 *   trans: import("./types.js").Trans,
 *   media: (hit: Hit) => string|null,
 *   picture: (hit: Hit, size: number, done: (url: string|null) => void) => void,
 *   like: (hit: Hit) => void,
 *   toggle: (hit: Hit) => void,
 *   close: () => void,
 * }} parts
 */
export function detailPane(parts) {
  const { trans } = parts;
  const node = element("section", { class: "mixpeek-detail", "aria-label": trans.__("The hit"), tabindex: "-1" });
  node.hidden = true;
  /** @type {Hit|null} */
  let shown = null;

  function stage(/** @type {Hit} */ hit) {
    const url = plays(hit) ? parts.media(hit) : null;
    if (url !== null) return player(hit, url);
    const box = element("div", { class: "mixpeek-stage" });
    if (!mayHavePicture(hit)) { box.hidden = true; return box; }
    if (plays(hit)) box.append(element("p", { class: "mixpeek-dim" }, trans.__("It can be played where the notebook's own Jupyter server runs the Mixpeek extension.")));
    parts.picture(hit, PICTURE, (source) => {
      if (shown !== hit) return;
      if (source === null) { box.hidden = !plays(hit); return; }
      box.prepend(pageWith(hit, source));
    });
    return box;
  }

  function player(/** @type {Hit} */ hit, /** @type {string} */ url) {
    const kind = hit.mime.startsWith("video/") ? "video" : "audio";
    const media = element(kind, { controls: true, preload: "metadata", "aria-label": trans.__("Plays %1", hit.object_name) });
    const said = element("p", { class: "mixpeek-dim", hidden: true }, trans.__("The browser cannot play this file."));
    media.addEventListener("error", () => { said.hidden = false; });
    media.src = url;
    const box = element("div", { class: "mixpeek-stage" }, media, said);
    if (kind === "video") parts.picture(hit, PICTURE, (poster) => { if (poster && shown === hit) media.poster = poster; });
    return box;
  }

  function pageWith(/** @type {Hit} */ hit, /** @type {string} */ source) {
    const image = element("img", { alt: trans.__("%1, as it looks", hit.object_name) });
    image.src = source;
    const frame = element("div", { class: "mixpeek-page" }, image);
    const box = hit.box;
    if (box?.length === 4 && box.every((share) => share >= 0 && share <= 1)) {
      const mark = element("div", { class: "mixpeek-here", "aria-hidden": "true" });
      const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(2)}%`;
      Object.assign(mark.style, { left: percent(box[0]), top: percent(box[1]), width: percent(box[2] - box[0]), height: percent(box[3] - box[1]) });
      frame.append(mark);
    }
    return frame;
  }

  function facts(/** @type {Hit} */ hit) {
    const when = hit.payload?.modified_at?.slice(0, 10);
    const size = hit.payload?.width && hit.payload?.height ? `${hit.payload.width} × ${hit.payload.height}` : "";
    return [place(hit), hit.collection, hit.mime, size, when].filter(Boolean).join(" · ");
  }

  function why(/** @type {Hit} */ hit, /** @type {Shown} */ how) {
    const lines = hit.reasons.map((reason) => trans.__("%1: place %2 of its list", reasonText(reason), reason.rank)).join("\n");
    const node = reasons(hit, how, 8);
    node.title = lines;
    return element("div", {},
      element("div", { class: "mixpeek-dim" }, trans.__("place %1, score %2", hit.rank, hit.score.toFixed(4))), node);
  }

  function others(/** @type {Hit} */ hit) {
    if (!hit.others?.length) return null;
    const list = element("ul", { class: "mixpeek-others" });
    for (const other of hit.others.slice(0, 20)) {
      list.append(element("li", {}, [place(other), (other.text ?? "").slice(0, 90)].filter(Boolean).join(" · ")));
    }
    return element("div", {}, element("div", { class: "mixpeek-dim" }, trans._n("1 more in this file", "%1 more in this file", hit.others.length)), list);
  }

  return {
    node,
    get hit() { return shown; },
    /** @param {Hit} hit @param {Shown} how @param {boolean} selected */
    open(hit, how, selected) {
      if (shown === hit) { this.mark(selected); return; }
      shown = hit;
      const text = element("div", { class: "mixpeek-text" });
      marked(text, (hit.text ?? "").slice(0, PASSAGE), how.wanted);
      const more = element("button", { type: "button", onclick: () => parts.like(hit) }, trans.__("More like this"));
      const pick = element("button", { type: "button", class: "mixpeek-pick", "aria-pressed": String(selected), onclick: () => parts.toggle(hit) }, trans.__("Select"));
      const close = element("button", { type: "button", class: "mixpeek-close", "aria-label": trans.__("Close"), onclick: () => parts.close() }, "×");
      node.replaceChildren(
        element("div", { class: "mixpeek-head" }, element("b", { class: "mixpeek-name" }, hit.object_name), close),
        stage(hit),
        element("div", { class: "mixpeek-dim" }, facts(hit)),
        ...(hit.text ? [text] : []),
        ...(hit.labels?.length ? [element("div", {}, hit.labels.slice(0, 12).join(" · "))] : []),
        why(hit, how), ...[others(hit)].filter(Boolean),
        element("div", { class: "mixpeek-row" }, more, pick),
      );
      node.hidden = false;
    },
    mark(/** @type {boolean} */ selected) {
      node.querySelector(".mixpeek-pick")?.setAttribute("aria-pressed", String(selected));
    },
    /** Start to play, after a click or a key. */
    play() {
      const media = node.querySelector("video, audio");
      media?.play().catch(() => undefined); // the browser may want a click on the player itself
    },
    close() {
      for (const media of node.querySelectorAll("video, audio")) media.pause();
      shown = null;
      node.replaceChildren();
      node.hidden = true;
    },
  };
}
