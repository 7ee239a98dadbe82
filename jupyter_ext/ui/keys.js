// What keys mean while the hits have the focus.

/** @typedef {{kind: "move", to: number, stretch: boolean} | {kind: "toggle"|"open"|"close"|"all"}} Meaning */

/** Null: the key is not for the hits.
 * @param {KeyboardEvent} event @param {number} at @param {number} count
 * @param {{columns: number, page: number}} grid @returns {Meaning|null} */
export function keyMeaning(event, at, count, grid) {
  const control = event.ctrlKey || event.metaKey;
  if (event.altKey || !count) return null;
  if (control) return event.key === "a" ? { kind: "all" } : null;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: grid.columns, ArrowUp: -grid.columns, PageDown: grid.columns * grid.page, PageUp: -grid.columns * grid.page }[event.key];
  const to = step !== undefined ? at + step : { Home: 0, End: count - 1 }[event.key];
  if (to !== undefined) return { kind: "move", to: Math.max(0, Math.min(count - 1, to)), stretch: event.shiftKey };
  if (event.key === " ") return { kind: "toggle" };
  if (event.key === "Enter") return { kind: "open" };
  return event.key === "Escape" ? { kind: "close" } : null;
}
