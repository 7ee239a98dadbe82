// The adapter of the results view over a widget's traits and messages.

/** @param {{model: any, el: HTMLElement, signal?: AbortSignal}} context */
function render({ model, el, signal }) {
  const bridge = kernelBridge(model);
  const proxy = serverProxy(model);
  /** @type {any} */
  let way = null;
  void proxy.then((found) => { way = found; });
  const listeners = new Set(/** @type {(() => void)[]} */ ([]));
  let state = fresh();
  let busy = 0;

  function fresh() {
    const view = model.get("view");
    return { ...view, selected: model.get("selected"), busy: false };
  }
  function set(/** @type {Record<string, any>} */ changes) {
    state = { ...state, ...changes };
    for (const call of listeners) call();
  }
  const renewed = () => set({ ...fresh(), busy: busy > 0 });
  const chosen = () => set({ selected: model.get("selected") });
  model.on("change:view", renewed);
  model.on("change:selected", chosen);

  async function during(/** @type {() => Promise<void>} */ work) {
    busy += 1;
    set({ busy: true });
    try { await work(); } finally { busy -= 1; set({ busy: busy > 0 }); }
  }
  const part = (/** @type {any} */ hit) => hit.page != null || hit.start_ms != null;
  const seconds = (/** @type {number} */ ms) => String(ms / 1000);

  const unmount = mountResults(el, {
    get: () => state,
    onChange(call) { listeners.add(call); return () => listeners.delete(call); },
    search: (query) => during(async () => { await bridge.ask("search", query); }),
    more: () => during(async () => {
      const serial = state.serial;
      const { body } = await bridge.ask("more", { offset: state.hits.length, serial });
      if (state.serial === serial) set({ hits: [...state.hits, ...body.hits], complete: body.complete });
    }),
    select(ids) {
      model.set("selected", ids);
      model.save_changes();
      set({ selected: ids });
    },
    async thumbnail(hit, size) {
      const found = await proxy;
      if (found) {
        const path = part(hit) ? `/documents/${encodeURIComponent(hit.document_id)}/preview` : `/objects/${encodeURIComponent(hit.object_id)}/thumbnail`;
        return found.url(path, { size });
      }
      const { body, data } = await bridge.ask("picture", { document_id: hit.document_id, size });
      return data ? new Blob([/** @type {any} */ (data)], { type: body.mime }) : null;
    },
    media(hit) {
      if (!way) return null;
      const end = hit.end_ms != null ? `,${seconds(hit.end_ms)}` : "";
      const place = hit.start_ms != null ? `#t=${seconds(hit.start_ms)}${end}` : "";
      return way.url(`/objects/${encodeURIComponent(hit.object_id)}/content`) + place;
    },
  });
  const stop = () => {
    model.off("change:view", renewed);
    model.off("change:selected", chosen);
    bridge.stop();
    unmount();
  };
  signal?.addEventListener("abort", stop);
  return stop;
}
export default { render };
