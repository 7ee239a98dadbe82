// Adapters with made-up data for the tests of the views: what an adapter would send, no service.
const T0 = Date.parse("2026-08-01T12:00:00Z");
const KINDS = ["image", "video", "document", "audio", "text"];
const MIMES = { image: "image/jpeg", video: "video/mp4", document: "application/pdf", audio: "audio/mpeg", text: "text/plain" };
const SUFFIX = { image: "jpg", video: "mp4", document: "pdf", audio: "mp3", text: "txt" };
const PASSAGE = "We walked along the harbour wall, where goats were landed until 1911, and a man told us that one goat still comes down to the boats in the evening, looks at the water for a while and goes home by itself.";

export function hit(rank, changes = {}) {
  const kind = changes.kind ?? KINDS[rank % 5];
  const timed = kind === "video" || kind === "audio";
  return {
    document_id: `doc_${rank}`, object_id: `obj_${rank}`, object_name: `trip/day ${rank % 9}/${kind}-${String(rank).padStart(5, "0")}.${SUFFIX[kind]}`,
    bucket: rank % 7 ? "trip" : "archive", collection: `trip.${kind}`, extractor: `${kind}@1`, mime: MIMES[kind],
    text: kind === "image" ? null : PASSAGE, page: kind === "document" ? rank + 3 : null,
    start_ms: timed ? 42000 : null, end_ms: timed ? 47000 : null, box: kind === "document" ? [0.12, 0.4, 0.9, 0.52] : null,
    labels: kind === "image" ? ["goat", "breakwater", rank % 2 ? "sea" : "boat"] : [],
    payload: { kind, modified_at: new Date(T0 + (rank % 4) * 31 * 864e5).toISOString() },
    rank: rank + 1, score: 1 / (61 + rank),
    reasons: [{ kind: "dense", feature: `mixpeek://${kind}@1/visual`, score: 0.71 - (rank % 30) / 100, rank: rank + 1 }, ...(kind === "image" ? [] : [{ kind: "text", feature: null, score: 6.3 - (rank % 40) / 10, rank: 2 }])],
    others: [], ...changes,
  };
}

function draw(hit, size) {
  const canvas = document.createElement("canvas");
  const page = hit.payload.kind === "document";
  [canvas.width, canvas.height] = page ? [size * 0.72, size] : [size, size * 0.75];
  const pen = canvas.getContext("2d");
  const [w, h] = [canvas.width, canvas.height];
  const shade = (hit.rank * 47) % 360;
  pen.fillStyle = page ? "#fff" : `hsl(${shade} 40% 78%)`; pen.fillRect(0, 0, w, h);
  pen.fillStyle = page ? "#c8ccd0" : `hsl(${shade} 25% 55%)`;
  if (page) for (let y = 0.08; y < 0.95; y += 0.05) pen.fillRect(w * 0.12, h * y, w * (0.6 + ((y * 97) % 0.2)), h * 0.018);
  else { pen.fillRect(0, h * 0.6, w, h * 0.4); pen.fillStyle = "#f4efe6"; pen.beginPath(); pen.ellipse(w * 0.5, h * 0.5, w * 0.14, h * 0.1, 0, 0, 7); pen.fill(); }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

export function resultsAdapter(all, { page = 50, pictures = true, media = null, delay = 0 } = {}) {
  const calls = [];
  const listeners = new Set();
  const none = { kinds: [], buckets: [], labels: [], since: null, until: null };
  let found = all;
  let state = { query: "the goat on the harbour wall", like: null, hits: all.slice(0, page), complete: all.length <= page, refine: none, collections: ["trip.image", "trip.text"], warnings: [], seconds: 0.031, selected: [], busy: false };
  const set = (changes) => { state = { ...state, ...changes }; listeners.forEach((call) => call()); };
  const wait = () => new Promise((done) => setTimeout(done, delay));
  const holds = (r) => (h) => (!r.kinds.length || r.kinds.includes(h.payload.kind)) && (!r.buckets.length || r.buckets.includes(h.bucket)) && r.labels.every((l) => h.labels.includes(l)) && (!r.since || (h.payload.modified_at >= r.since && h.payload.modified_at < r.until));
  return {
    calls, set,
    get: () => state,
    onChange(call) { listeners.add(call); return () => listeners.delete(call); },
    async search(query) {
      calls.push(["search", query]);
      set({ busy: true }); await wait();
      if (query.text === "refuse") { set({ busy: false }); throw new Error("The service refused: <b>no</b>"); }
      const refine = query.refine ?? state.refine;
      found = all.filter(holds(refine));
      set({ busy: false, refine, query: query.like ? null : (query.text ?? state.query), like: query.text !== undefined ? null : (query.like ?? state.like), hits: found.slice(0, page), complete: found.length <= page });
    },
    async more() {
      calls.push(["more"]);
      set({ busy: true }); await wait();
      const hits = [...state.hits, ...found.slice(state.hits.length, state.hits.length + page)];
      set({ busy: false, hits, complete: hits.length >= found.length });
    },
    select(ids) { calls.push(["select", ids]); set({ selected: ids }); },
    async thumbnail(hit, size) { calls.push(["thumbnail", hit.document_id, size]); await wait(); return pictures ? draw(hit, size) : null; },
    media: (hit) => (media ? `${media}#t=${hit.start_ms / 1000},${hit.end_ms / 1000}` : null),
  };
}

const counts = (changes) => ({ total: 100, pending: 0, extracted: 0, indexed: 0, skipped: 0, failed: 0, canceled: 0, documents: 0, rate: null, seconds_left: null, ...changes });
export function task(number, changes = {}) {
  return {
    task_id: `tsk_${String(number).padStart(4, "0")}`, kind: "ingest", state: "IN_PROGRESS", requested: null, bucket: `trip${number}`, error: null,
    progress: counts({ total: 1936, indexed: 1274, failed: 3, documents: 5310 }), objects: { listed: 2148, matched: 1936, unmatched: 12, removed: 0 },
    collections: [
      { collection: "trip.image", extractor: "image@1", ...counts({ total: 1690, indexed: 1204, extracted: 96, failed: 3, rate: 312, seconds_left: 2 }) },
      { collection: "trip.document", extractor: "document@1", ...counts({ total: 160, indexed: 61, extracted: 14, rate: 8, seconds_left: 12 }) },
      { collection: "trip.video", extractor: "video@1", ...counts({ total: null }) },
    ],
    created_at: "2026-08-01T12:00:00Z", started_at: "2026-08-01T12:00:00Z", ended_at: null, ...changes,
  };
}
export const ended = (number, state, failed = 0) => task(number, { state, ended_at: "2026-08-01T12:01:52Z", collections: [], progress: counts({ indexed: 90, skipped: 10 - failed, failed, documents: 118 }), error: state === "FAILED" ? { message: "nothing matched", hint: "name an extractor" } : null });

export function tasksAdapter(tasks, { waiting = true, refuse = false } = {}) {
  const calls = [];
  const listeners = new Set();
  let state = { tasks, waiting };
  return {
    calls,
    set(changed) { state = { ...state, tasks: changed }; listeners.forEach((call) => call()); },
    get: () => state,
    onChange(call) { listeners.add(call); return () => listeners.delete(call); },
    async control(id, verb) { calls.push([id, verb]); if (refuse) throw new Error("it has ended already"); },
    async failures(id) {
      calls.push([id, "failures"]);
      return ["dunes/IMG_0231.jpg", "scan 12+13.pdf", "<img src=x onerror=window.hacked=1>.jpg"].map((object_name, n) => ({ failure_id: `f${n}`, object_name, collection: "trip.image", category: "format", message: "ends after 41 % of the picture", hint: n ? null : "copy it again from the camera", stage: "decode", retryable: n === 1 }));
    },
  };
}
