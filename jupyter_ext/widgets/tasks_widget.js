// The adapter of the tasks view over a widget's traits and messages.

const QUEUED = "This front end delivers clicks when the cell has ended. Interrupt it (the work goes on), then run %mixpeek pause, resume or cancel.";
const SOON = 8_000;

/** @param {{model: any, el: HTMLElement, signal?: AbortSignal}} context */
function render({ model, el, signal }) {
  const bridge = kernelBridge(model);
  const proxy = serverProxy(model);
  const path = (/** @type {string} */ id, /** @type {string} */ what) => `/tasks/${encodeURIComponent(id)}/${what}`;

  const unmount = mountTasks(el, {
    get: () => model.get("view"),
    onChange(call) {
      model.on("change:view", call);
      return () => model.off("change:view", call);
    },
    async control(task_id, verb) {
      const found = await proxy;
      if (found && verb !== "retry") await found.post(path(task_id, verb));
      else await bridge.ask("control", { task_id, verb }, SOON, QUEUED);
    },
    async failures(task_id) {
      const found = await proxy;
      if (found) return (await found.get(path(task_id, "failures"))).results;
      return (await bridge.ask("failures", { task_id }, SOON, QUEUED)).body;
    },
  });
  const stop = () => { bridge.stop(); unmount(); };
  signal?.addEventListener("abort", stop);
  return stop;
}
export default { render };
