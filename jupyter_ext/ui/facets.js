// What the hits are by kind, bucket, label and month, and what of it is chosen. The counts are of
// the hits at hand before anything was chosen; choosing asks for a new search with that condition.

import { element, number } from "./dom.js";

/** @typedef {import("./types.js").Hit} Hit @typedef {import("./types.js").Refine} Refine */
/** @typedef {[string, number][]} Counts */
/** @typedef {{kinds: Counts, buckets: Counts, labels: Counts, months: Counts, all: number}} Facets */

const LABELS = 40;

/** @returns {Refine} */
export function nothingChosen() {
  return { kinds: [], buckets: [], labels: [], since: null, until: null };
}

/** @param {Refine} refine */
export function isChosen(refine) {
  return Boolean(refine.kinds.length || refine.buckets.length || refine.labels.length || refine.since || refine.until);
}

/** @param {Hit[]} hits @returns {Facets} */
export function countFacets(hits) {
  const by = (/** @type {(hit: Hit) => (string|null|undefined)[]} */ values) => {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const hit of hits) {
      for (const value of new Set(values(hit))) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return /** @type {Counts} */ ([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
  };
  return {
    kinds: by((hit) => [hit.payload?.kind]),
    buckets: by((hit) => [hit.bucket]),
    labels: by((hit) => hit.labels ?? []).slice(0, LABELS),
    months: by((hit) => [hit.payload?.modified_at?.slice(0, 7)]).sort((a, b) => (a[0] < b[0] ? 1 : -1)),
    all: hits.length,
  };
}

/** The whole month `2026-08` as a stretch of time. @param {string} month */
export function monthOf(month) {
  const [year, place] = month.split("-").map(Number);
  const next = place === 12 ? `${year + 1}-01` : `${year}-${String(place + 1).padStart(2, "0")}`;
  return { since: `${month}-01T00:00:00Z`, until: `${next}-01T00:00:00Z` };
}

/**
 * @param {import("./types.js").Trans} trans
 * @param {(refine: Refine) => void} choose
 */
export function facetBar(trans, choose) {
  const node = element("div", { class: "mixpeek-facets", role: "group", "aria-label": trans.__("Refine") });

  /** @param {string} text @param {number|null} count @param {boolean} on @param {() => void} press @param {string} key */
  function chip(text, count, on, press, key) {
    return element("button", {
      type: "button", class: "mixpeek-chip", "aria-pressed": String(on), "data-key": key, onclick: press,
    }, element("span", {}, text), count === null ? null : " ", count === null ? null : element("span", { class: "mixpeek-count" }, number(count)));
  }

  /** @param {string} title @param {Counts} counts @param {string} chosen @param {(value: string) => void} pick @param {string} key */
  function menu(title, counts, chosen, pick, key) {
    const known = counts.some(([value]) => value === chosen) || !chosen;
    const values = known ? counts : [/** @type {[string, number]} */ ([chosen, 0]), ...counts];
    const select = element("select", {
      class: "mixpeek-chip", "aria-label": title, "data-key": key,
      onchange: (/** @type {any} */ event) => pick(event.target.value),
    }, element("option", { value: "" }, title));
    for (const [value, count] of values) {
      const text = count ? `${value} (${number(count)})` : value;
      select.append(element("option", { value, selected: value === chosen }, text));
    }
    select.classList.toggle("mixpeek-on", Boolean(chosen));
    return select;
  }

  /** @param {string[]} list @param {string} value */
  const toggled = (list, value) =>
    list.includes(value) ? list.filter((other) => other !== value) : [...list, value];

  return {
    node,
    /** @param {Facets} facets @param {Refine} refine */
    draw(facets, refine) {
      const focused = /** @type {any} */ (node.contains(document.activeElement) ? document.activeElement : null)?.dataset.key;
      const merged = (/** @type {Counts} */ counts, /** @type {string[]} */ chosen) =>
        /** @type {[string, number|null][]} */ ([...counts, ...chosen.filter((v) => !counts.some(([k]) => k === v)).map((v) => [v, null])]);
      const kinds = merged(facets.kinds, refine.kinds);
      const buckets = merged(facets.buckets, refine.buckets);
      /** @type {Node[]} */
      const parts = [chip(trans.__("all"), facets.all || null, !isChosen(refine), () => choose(nothingChosen()), "all")];
      if (kinds.length > 1 || refine.kinds.length) {
        for (const [kind, count] of kinds) {
          parts.push(chip(kind, count, refine.kinds.includes(kind), () => choose({ ...refine, kinds: toggled(refine.kinds, kind) }), `kind:${kind}`));
        }
      }
      if (buckets.length > 1 || refine.buckets.length) {
        for (const [bucket, count] of buckets.slice(0, 8)) {
          parts.push(chip(bucket, count, refine.buckets.includes(bucket), () => choose({ ...refine, buckets: toggled(refine.buckets, bucket) }), `bucket:${bucket}`));
        }
      }
      if (facets.labels.length || refine.labels.length) {
        parts.push(menu(trans.__("label"), facets.labels, refine.labels[0] ?? "", (v) => choose({ ...refine, labels: v ? [v] : [] }), "labels"));
      }
      if (facets.months.length > 1 || refine.since) {
        parts.push(menu(trans.__("date"), facets.months, refine.since?.slice(0, 7) ?? "", (v) => choose({ ...refine, ...(v ? monthOf(v) : { since: null, until: null }) }), "months"));
      }
      node.hidden = !facets.all && !isChosen(refine);
      node.replaceChildren(...parts);
      if (focused) node.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    },
  };
}
