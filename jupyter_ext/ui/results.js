// The hits of a search: a grid or a list of any length, refined by facets, opened, played, selected.
// See ADAPTER.md for what it asks of an adapter.

import { card, illustrate, strongestWords } from "./card.js";
import { detailPane } from "./detail.js";
import { announcer, element, number, words } from "./dom.js";
import { countFacets, facetBar, isChosen } from "./facets.js";
import { virtualGrid } from "./grid.js";
import { resultsHeading } from "./heading.js";
import { keyMeaning } from "./keys.js";
import { queryWords } from "./marks.js";
import { mayHavePicture, pictureStore } from "./pictures.js";

/** @typedef {import("./types.js").Hit} Hit */
const THUMB = 160;
const MOST = 640; // pixels that a view in a cell takes
const OPEN = 440; // and at least, while a hit is open

/**
 * @param {HTMLElement} el
 * @param {import("./types.js").ResultsAdapter} adapter
 * @param {import("./types.js").ResultsOptions} [options]
 * @returns {() => void}
 */
export function mountResults(el, adapter, options = {}) {
  const trans = words(options.trans);
  const fill = options.height === "fill";
  let layout = options.layout ?? "grid";
  /** @type {Hit[]} */
  let hits = [];
  let search = ""; // which search the hits are of
  let facets = countFacets([]);
  let shown = { wanted: /** @type {string[]} */ ([]), strongest: 1, trans };
  let selected = new Set(/** @type {string[]} */ ([]));
  let anchor = 0;
  let over = false;

  const pictures = pictureStore((hit, size) => adapter.thumbnail(hit, size));
  const told = announcer();
  const problem = element("div", { class: "mixpeek-problem", role: "alert", hidden: true });
  const next = element("button", { type: "button", onclick: () => void fetchMore() }, trans.__("More hits"));
  const foot = element("div", { class: "mixpeek-foot" }, next);
  const heading = resultsHeading(trans, { clear: () => choose([]), arrange });
  const bar = facetBar(trans, (refine) => void ask({ refine }));
  const grid = virtualGrid({ label: trans.__("Hits"), make, remove: () => undefined, settled, nearEnd: () => void fetchMore() });
  const detail = detailPane({
    trans,
    media: (hit) => adapter.media(hit),
    picture: (hit, size, done) => pictures.want(hit, size, done),
    like: (hit) => void ask({ like: { document_id: hit.document_id, name: hit.object_name } }),
    toggle: (hit) => toggle(hits.indexOf(hit)),
    close: () => { shut(); grid.box.focus(); },
  });
  const field = options.searchBox ? searchField() : null;
  const body = element("div", { class: "mixpeek-body" }, grid.box, detail.node);
  const root = element("div", { class: "mixpeek-view mixpeek-results", "data-lm-suppress-shortcuts": "true" },
    ...(field ? [field.form] : []),
    heading.node, bar.node, problem, body, foot, told.node);
  root.classList.toggle("mixpeek-fill", fill);

  // ---- drawing

  function searchField() {
    const input = element("input", { type: "search", class: "mixpeek-field", "aria-label": trans.__("Search"), placeholder: trans.__("Search by meaning or by words") });
    const form = element("form", { class: "mixpeek-row", role: "search", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      void ask({ text: input.value.trim() });
    } }, input, element("button", { type: "submit" }, trans.__("Search")));
    return { form, input };
  }

  function update() {
    const state = adapter.get();
    selected = new Set(state.selected);
    const key = JSON.stringify([state.query, state.like, state.refine]);
    const grown = key === search && (state.hits === hits || hits.every((hit, n) => hit.document_id === state.hits[n]?.document_id));
    const same = grown && state.hits.length === hits.length;
    if (!same) adopt(state, key, grown);
    heading.update(state, selected.size, layout);
    grid.box.setAttribute("aria-busy", String(state.busy));
    root.classList.toggle("mixpeek-busy", state.busy);
    foot.hidden = state.complete || !hits.length;
    next.disabled = state.busy;
    marks();
  }

  function adopt(/** @type {import("./types.js").ResultsState} */ state, /** @type {string} */ key, /** @type {boolean} */ grown) {
    hits = state.hits;
    const chosen = isChosen(state.refine);
    if (!chosen) facets = countFacets(hits);
    else if (!facets.all) facets = { ...countFacets(hits), all: 0 };
    shown = { wanted: state.like ? [] : queryWords(state.query), strongest: strongestWords(hits), trans };
    if (grown && search) grid.grow(hits.length);
    else {
      if (search) shut();
      anchor = 0;
      grid.reset(hits.length, layout);
      told.tell(trans._n("1 hit", "%1 hits", hits.length, number(hits.length)));
    }
    search = key;
    bar.draw(facets, state.refine);
    if (field && document.activeElement !== field.input) field.input.value = state.query ?? "";
    size();
  }

  function marks() {
    for (const node of grid.box.querySelectorAll("[data-index]")) {
      const hit = hits[Number(node.dataset.index)];
      node.setAttribute("aria-selected", String(Boolean(hit && selected.has(hit.document_id))));
    }
    if (detail.hit) detail.mark(selected.has(detail.hit.document_id));
  }

  function size() {
    if (fill) return;
    const height = Math.min(MOST, Math.max(grid.whole + 4, detail.node.hidden ? 0 : OPEN));
    body.style.height = hits.length ? `${height}px` : "0";
  }

  /** @param {number} index @param {"grid"|"list"} as */
  function make(index, as) {
    const hit = hits[index];
    const node = card(hit, shown, as);
    node.setAttribute("aria-selected", String(selected.has(hit.document_id)));
    if (adapter.drag) {
      node.draggable = true;
      node.addEventListener("dragstart", (/** @type {DragEvent} */ event) => adapter.drag?.(hit, event));
    }
    return node;
  }

  function settled(/** @type {number} */ first, /** @type {number} */ end) {
    const near = new Set(hits.slice(first, end));
    pictures.drop((hit) => !near.has(hit));
    for (let index = Math.min(end, hits.length) - 1; index >= first; index -= 1) {
      const hit = hits[index];
      if (mayHavePicture(hit)) pictures.want(hit, THUMB, (url) => {
        const node = grid.node(index);
        if (node && hits[index] === hit && !over) illustrate(node, hit, url, shown, layout);
      });
    }
  }

  // ---- acting

  async function ask(/** @type {import("./types.js").Query} */ query) {
    problem.hidden = true;
    try {
      await adapter.search(query);
    } catch (error) { complain(error); }
  }

  async function fetchMore() {
    const state = adapter.get();
    if (state.busy || state.complete || over) return;
    try {
      await adapter.more();
    } catch (error) { complain(error); }
  }

  function complain(/** @type {any} */ error) {
    if (over) return;
    problem.textContent = error?.message ?? String(error);
    problem.hidden = false;
  }

  function arrange(/** @type {"grid"|"list"} */ as) {
    layout = as;
    options.onLayout?.(as);
    grid.reset(hits.length, as);
    heading.update(adapter.get(), selected.size, layout);
    size();
  }

  function choose(/** @type {string[]} */ ids) {
    selected = new Set(ids);
    adapter.select(ids);
    heading.update(adapter.get(), selected.size, layout);
    marks();
    told.tell(trans._n("1 selected", "%1 selected", ids.length));
  }

  function toggle(/** @type {number} */ index) {
    const id = hits[index]?.document_id;
    if (!id) return;
    anchor = index;
    choose(selected.has(id) ? [...selected].filter((other) => other !== id) : [...selected, id]);
  }

  function stretch(/** @type {number} */ to) {
    const [from, end] = anchor < to ? [anchor, to] : [to, anchor];
    choose([...new Set([...selected, ...hits.slice(from, end + 1).map((hit) => hit.document_id)])]);
  }

  function open(/** @type {number} */ index, play = false) {
    const hit = hits[index];
    if (!hit) return;
    detail.open(hit, shown, selected.has(hit.document_id));
    root.classList.add("mixpeek-open");
    size();
    if (play) detail.play();
  }

  function shut() {
    detail.close();
    root.classList.remove("mixpeek-open");
    size();
  }

  grid.box.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const index = Number(target.closest?.("[data-index]")?.getAttribute("data-index") ?? -1);
    if (index < 0) return;
    grid.activate(index);
    if (event.shiftKey) stretch(index);
    else if (event.ctrlKey || event.metaKey || target.classList.contains("mixpeek-tick")) toggle(index);
    else { anchor = index; open(index, target.classList.contains("mixpeek-badge")); }
  });
  grid.box.addEventListener("focus", () => { if (grid.active < 0 && hits.length) grid.activate(0); });
  grid.box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const meant = keyMeaning(event, Math.max(0, grid.active), hits.length, grid);
    if (!meant || (meant.kind === "close" && detail.node.hidden)) return;
    event.preventDefault();
    event.stopPropagation();
    obey(meant);
  });
  detail.node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    shut();
    grid.box.focus();
  });

  function obey(/** @type {import("./keys.js").Meaning} */ meant) {
    const at = Math.max(0, grid.active);
    if (meant.kind === "move") {
      grid.activate(meant.to);
      if (meant.stretch) stretch(meant.to);
      else anchor = meant.to;
      if (!detail.node.hidden) open(meant.to);
    } else if (meant.kind === "toggle") toggle(at);
    else if (meant.kind === "open") { open(at, true); detail.node.focus({ preventScroll: true }); }
    else if (meant.kind === "close") shut();
    else choose(hits.map((hit) => hit.document_id));
  }

  el.classList.add("mixpeek-host");
  el.replaceChildren(root);
  const stop = adapter.onChange(update);
  update();
  return () => {
    if (over) return;
    over = true;
    stop();
    grid.stop();
    detail.close();
    pictures.stop();
    el.replaceChildren();
  };
}
