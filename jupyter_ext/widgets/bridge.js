// Questions to the kernel, and the way past it: where the page's Jupyter server runs the Mixpeek
// extension for the same service, pictures, media and control go there by HTTP.

const PATIENCE = 30_000;
const HELLO = 2_000;

/** @param {any} model */
function kernelBridge(model) {
  const stem = Math.random().toString(36).slice(2);
  let serial = 0;
  /** @type {Map<string, {resolve: (value: any) => void, reject: (error: Error) => void, timer: any}>} */
  const waiting = new Map();

  function heard(/** @type {any} */ message, /** @type {any[]} */ buffers) {
    const wish = waiting.get(message?.id);
    if (!wish) return;
    waiting.delete(message.id);
    clearTimeout(wish.timer);
    if (message.ok) wish.resolve({ body: message.body, data: buffers?.[0] ?? null });
    else wish.reject(new Error(message.body));
  }
  model.on("msg:custom", heard);

  return {
    /** @param {string} kind @param {Record<string, any>} body @returns {Promise<{body: any, data: DataView|null}>} */
    ask(kind, body, patience = PATIENCE, late = "The kernel does not answer. Run the cell again, or use the shell.") {
      return new Promise((resolve, reject) => {
        const id = `${stem}-${(serial += 1)}`;
        const timer = setTimeout(() => { waiting.delete(id); reject(new Error(late)); }, patience);
        waiting.set(id, { resolve, reject, timer });
        model.send({ ask: kind, id, body });
      });
    },
    stop() {
      model.off("msg:custom", heard);
      for (const wish of waiting.values()) clearTimeout(wish.timer);
      waiting.clear();
    },
  };
}

/** The proxy of this page's server, where it stands before the kernel's own service; else null.
 * @param {any} model @returns {Promise<{url: (path: string, query?: Record<string, any>) => string, post: (path: string) => Promise<void>, get: (path: string) => Promise<any>}|null>} */
async function serverProxy(model) {
  const config = document.getElementById("jupyter-config-data");
  if (!config || !model.get("home")) return null;
  try {
    const base = `${JSON.parse(config.textContent ?? "").baseUrl.replace(/\/$/, "")}/mixpeek`;
    const answer = await fetch(`${base}/hello`, { credentials: "same-origin", signal: AbortSignal.timeout(HELLO) });
    if (!answer.ok || (await answer.json()).home_id !== model.get("home")) return null;
    const url = (/** @type {string} */ path, query = {}) =>
      `${base}/v1${path}?${new URLSearchParams({ ...query, namespace: model.get("namespace") })}`;
    const call = async (/** @type {string} */ path, /** @type {string} */ method) => {
      const token = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
      const done = await fetch(url(path), { method, credentials: "same-origin", headers: method === "GET" ? {} : { "X-XSRFToken": token } });
      const body = await done.json().catch(() => null);
      if (!done.ok) throw new Error([body?.error?.message ?? `the server answered ${done.status}`, body?.error?.hint].filter(Boolean).join(". "));
      return body;
    };
    return { url, post: (path) => call(path, "POST"), get: (path) => call(path, "GET") };
  } catch {
    return null; // no extension, another service, or no Jupyter server at all
  }
}
