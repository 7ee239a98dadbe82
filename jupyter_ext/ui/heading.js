// The line above the hits: how many, of what, how many are selected, grid or list.

import { element, number, say } from "./dom.js";

/** @typedef {"grid"|"list"} Arrangement */

/** @param {import("./types.js").Trans} trans
 * @param {{clear: () => void, arrange: (as: Arrangement) => void}} act */
export function resultsHeading(trans, act) {
  const count = element("b");
  const more = element("span", { class: "mixpeek-dim mixpeek-grow" });
  const clear = element("button", { type: "button", class: "mixpeek-chosen", onclick: act.clear });
  const buttons = /** @type {[Arrangement, string][]} */ ([["grid", trans.__("Grid")], ["list", trans.__("List")]]).map(([as, name]) =>
    element("button", { type: "button", "data-layout-of": as, onclick: () => act.arrange(as) }, name));
  const layouts = element("span", { class: "mixpeek-row", role: "group", "aria-label": trans.__("Layout") }, ...buttons);

  return {
    node: element("div", { class: "mixpeek-head" }, count, more, clear, layouts),
    /** @param {import("./types.js").ResultsState} state @param {number} selected @param {Arrangement} layout */
    update(state, selected, layout) {
      const found = state.hits.length;
      const idle = !state.query && !state.like && !found;
      const many = trans._n("1 hit", "%1 hits", found, number(found));
      say(count, idle ? "" : found ? many : state.busy ? trans.__("Searching") : trans.__("No hits"));
      const places = state.collections;
      say(more, [
        state.like ? trans.__("like %1", state.like.name) : "",
        places.length ? trans._n("in %1", "in %2 collections", places.length, places[0], number(places.length)) : "",
        state.seconds != null ? `${Math.round(state.seconds * 1000)} ms` : "",
        ...state.warnings,
      ].filter(Boolean).join(" · "));
      clear.hidden = !selected;
      say(clear, trans._n("1 selected, clear", "%1 selected, clear", selected, number(selected)));
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.layoutOf === layout));
    },
  };
}
