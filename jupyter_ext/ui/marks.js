// Which words of a passage answer a query, and a piece of it around the first. The text index
// compares stems, so a query for goats marks a goat.

const LITTLE = new Set(
  ("the and for with that this from are was were has have had not but its into onto over under " +
    "der die das und mit von für ein eine les des une est dans los las una por para con").split(" "),
);
const WORD = /[\p{L}\p{N}_]+/gu;
const LONGEST = 20_000;

/** @param {string|null|undefined} query @returns {string[]} */
export function queryWords(query) {
  const found = (query ?? "").toLowerCase().match(WORD) ?? [];
  return [...new Set(found.filter((word) => word.length > 2 && !LITTLE.has(word)))];
}

function answers(/** @type {string} */ word, /** @type {string[]} */ wanted) {
  const folded = word.toLowerCase();
  return wanted.some(
    (other) =>
      folded === other ||
      (Math.abs(folded.length - other.length) <= 3 &&
        Math.min(folded.length, other.length) > 2 &&
        (folded.startsWith(other) || other.startsWith(folded))),
  );
}

/** Where wanted words stand: [start, end] each.
 * @param {string} text @param {string[]} wanted @returns {[number, number][]} */
export function matches(text, wanted) {
  /** @type {[number, number][]} */
  const found = [];
  if (!wanted.length) return found;
  for (const word of text.matchAll(WORD)) {
    if (answers(word[0], wanted)) found.push([word.index, word.index + word[0].length]);
  }
  return found;
}

/** At most about `size` characters on one line, around the first wanted word.
 * @param {string|null} text @param {string[]} wanted @param {number} size */
export function snippet(text, wanted, size) {
  const line = (text ?? "").slice(0, LONGEST).split(/\s+/).join(" ").trim();
  if (line.length <= size) return line;
  const first = matches(line, wanted)[0]?.[0] ?? 0;
  let start = Math.max(0, Math.min(first - Math.floor(size / 3), line.length - size));
  if (start) {
    const blank = line.indexOf(" ", start);
    if (blank >= 0 && blank < start + 20) start = blank + 1;
  }
  const end = Math.min(line.length, start + size);
  return (start ? "…" : "") + line.slice(start, end).trimEnd() + (end < line.length ? "…" : "");
}

/** Fills `node` with the text, wanted words in <mark>.
 * @param {Element} node @param {string} text @param {string[]} wanted */
export function marked(node, text, wanted) {
  /** @type {(Node|string)[]} */
  const pieces = [];
  let at = 0;
  for (const [start, end] of matches(text, wanted)) {
    pieces.push(text.slice(at, start));
    const mark = document.createElement("mark");
    mark.textContent = text.slice(start, end);
    pieces.push(mark);
    at = end;
  }
  node.replaceChildren(...pieces, text.slice(at));
}
