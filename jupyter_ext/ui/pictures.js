// Thumbnails as they are needed: few at a time, the newest wish first, what left the view is not
// asked for, and only so many are kept. Blob URLs are given back.

/** @typedef {import("./types.js").Hit} Hit */
const AT_ONCE = 6;
const KEPT = 300;

/** Whose picture a hit shows: its own where it is a part of its object.
 * @param {Hit} hit */
export function pictureKey(hit) {
  return hit.page != null || hit.start_ms != null ? hit.document_id : hit.object_id;
}

/** Whether there may be a picture. @param {Hit} hit */
export function mayHavePicture(hit) {
  return /^(image|video|audio)\//.test(hit.mime) || hit.mime === "application/pdf" || hit.page != null;
}

/** @param {(hit: Hit, size: number) => Promise<string|Blob|null>} ask */
export function pictureStore(ask) {
  /** @type {Map<string, {url: string|null, blob: boolean}>} by key, oldest first */
  const known = new Map();
  /** @type {Map<string, {hit: Hit, size: number, done: ((url: string|null) => void)[]}>} */
  const wishes = new Map();
  let running = 0;
  let stopped = false;

  function keep(/** @type {string} */ key, /** @type {string|Blob|null} */ got) {
    const blob = got instanceof Blob;
    known.set(key, { url: blob ? URL.createObjectURL(got) : got, blob });
    for (const [old, entry] of known) {
      if (known.size <= KEPT) break;
      if (entry.blob && entry.url) URL.revokeObjectURL(entry.url);
      known.delete(old);
    }
  }

  async function next() {
    if (running >= AT_ONCE || !wishes.size || stopped) return;
    const [key, wish] = /** @type {any} */ ([...wishes].pop());
    wishes.delete(key);
    running += 1;
    /** @type {string|Blob|null} */
    let got = null;
    try {
      got = await ask(wish.hit, wish.size);
    } catch {
      got = null; // no picture: the card says in words what the hit is
    }
    running -= 1;
    if (stopped) return;
    keep(key, got);
    const url = known.get(key)?.url ?? null;
    for (const done of wish.done) done(url);
    void next();
  }

  return {
    /** Calls `done` with a URL or null; at once where it is known.
     * @param {Hit} hit @param {number} size @param {(url: string|null) => void} done */
    want(hit, size, done) {
      const key = `${pictureKey(hit)}@${size}`;
      const found = known.get(key);
      if (found) {
        known.delete(key);
        known.set(key, found);
        done(found.url);
        return;
      }
      const wish = wishes.get(key);
      if (wish) wish.done.push(done);
      else wishes.set(key, { hit, size, done: [done] });
      void next();
    },
    /** Forget wishes for what is no longer in sight. */
    drop(/** @type {(hit: Hit) => boolean} */ out) {
      for (const [key, wish] of wishes) if (out(wish.hit)) wishes.delete(key);
    },
    stop() {
      stopped = true;
      wishes.clear();
      for (const entry of known.values()) if (entry.blob && entry.url) URL.revokeObjectURL(entry.url);
      known.clear();
    },
  };
}
