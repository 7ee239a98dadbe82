// Tasks while they run and when they have ended: a bar for each collection with counts, rate and the
// time left (or that it is unknown), what failed and why on demand, and buttons. Text changes in
// place: focus, an open list of failures and the scroll position stay. See ADAPTER.md.

import { about, announcer, duration, eachFrame, element, number, rate, say, words } from "./dom.js";

/** @typedef {import("./types.js").TaskOut} TaskOut @typedef {import("./types.js").CollectionProgress} CollectionProgress */
/** @typedef {import("./types.js").Trans} Trans @typedef {import("./types.js").Control} Control */
const FIRST = 50; // tasks drawn at once; a button shows more
const ENDED = ["COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED"];

/** @param {TaskOut} task */
export const hasEnded = (task) => ENDED.includes(task.state);
const done = (/** @type {import("./types.js").Progress} */ p) => p.indexed + p.skipped + p.failed + p.canceled;

/** @param {TaskOut} task */
export function taskTitle(task) {
  return task.bucket ? `${task.kind} ${task.bucket}` : task.kind;
}

/** @param {TaskOut} task @param {Trans} trans */
export function stateText(task, trans) {
  if (task.requested === "cancel" && !hasEnded(task)) return trans.__("canceling");
  if (task.requested === "pause" && task.state === "IN_PROGRESS") return trans.__("pausing");
  return {
    PENDING: trans.__("waiting to start"), IN_PROGRESS: trans.__("running"), PAUSED: trans.__("paused"),
    COMPLETED: trans.__("completed"), COMPLETED_WITH_ERRORS: trans.__("completed with failures"),
    FAILED: trans.__("failed"), CANCELED: trans.__("canceled"),
  }[task.state] ?? task.state;
}

/** What may be done with it now. @param {TaskOut} task @returns {Control[]} */
export function controls(task) {
  if (hasEnded(task)) return task.progress.failed ? ["retry"] : [];
  if (task.requested === "cancel") return [];
  if (task.state === "PAUSED") return ["resume", "cancel"];
  return task.requested === "pause" ? ["resume", "cancel"] : ["pause", "cancel"];
}

/** What became of the items, in words. @param {TaskOut} task @param {Trans} trans */
function counts(task, trans) {
  const p = task.progress;
  const parts = [
    p.indexed && trans.__("%1 indexed", number(p.indexed)), p.skipped && trans.__("%1 unchanged", number(p.skipped)),
    p.failed && trans.__("%1 failed", number(p.failed)), p.canceled && trans.__("%1 canceled", number(p.canceled)),
    (p.documents || task.kind === "ingest") && trans._n("1 document searchable", "%1 documents searchable", p.documents, number(p.documents)),
  ];
  return parts.filter(Boolean).join(", ");
}

/** @param {TaskOut} task @param {Trans} trans */
function facts(task, trans) {
  if (hasEnded(task)) {
    const began = Date.parse(task.started_at ?? task.created_at);
    const took = task.ended_at ? duration(Math.max(0, (Date.parse(task.ended_at) - began) / 1000)) : "";
    return [stateText(task, trans), counts(task, trans), took].filter(Boolean).join(" · ");
  }
  const files = trans._n("1 file", "%1 files", task.objects.listed, number(task.objects.listed));
  const listing = task.state !== "PENDING" && task.progress.total === null ? trans.__("counting: %1 so far", files) : task.objects.listed ? files : "";
  return [stateText(task, trans), listing].filter(Boolean).join(" · ");
}

/**
 * @param {HTMLElement} el
 * @param {import("./types.js").TasksAdapter} adapter
 * @param {import("./types.js").TasksOptions} [options]
 * @returns {() => void}
 */
export function mountTasks(el, adapter, options = {}) {
  const trans = words(options.trans);
  const told = announcer();
  const list = element("div", { role: "list", "aria-label": trans.__("Tasks") });
  const more = element("button", { type: "button", hidden: true, onclick: () => { most += FIRST; draw(); } });
  const root = element("div", { class: "mixpeek-view mixpeek-tasks", "data-lm-suppress-shortcuts": "true" }, list, more, told.node);
  root.classList.toggle("mixpeek-compact", Boolean(options.compact));
  el.classList.add("mixpeek-host");
  el.replaceChildren(root);
  /** @type {Map<string, ReturnType<typeof oneTask>>} */
  const drawn = new Map();
  /** @type {Map<string, string>} */
  const states = new Map();
  let most = FIRST;
  const frame = eachFrame(draw);

  function draw() {
    const { tasks, waiting } = adapter.get();
    const visible = tasks.slice(0, most);
    const ids = new Set(visible.map((task) => task.task_id));
    for (const [id, view] of drawn) if (!ids.has(id)) { view.node.remove(); drawn.delete(id); }
    visible.forEach((task, index) => {
      let view = drawn.get(task.task_id);
      if (!view) drawn.set(task.task_id, (view = oneTask(task.task_id, adapter, options, trans)));
      view.update(task, waiting);
      if (list.children[index] !== view.node) list.insertBefore(view.node, list.children[index] ?? null);
    });
    more.hidden = tasks.length <= most;
    say(more, trans.__("%1 more", number(tasks.length - most)));
    announce(visible);
  }

  /** A reader hears of states, not of every count. @param {TaskOut[]} tasks */
  function announce(tasks) {
    const news = [];
    for (const task of tasks) {
      const state = stateText(task, trans);
      if (states.has(task.task_id) && states.get(task.task_id) !== state) {
        news.push(`${taskTitle(task)}: ${hasEnded(task) ? facts(task, trans) : state}`);
      }
      states.set(task.task_id, state);
    }
    if (news.length) told.tell(news.join(". "));
  }

  const stop = adapter.onChange(frame.ask);
  draw();
  let over = false;
  return () => {
    if (over) return;
    over = true;
    stop();
    frame.stop();
    el.replaceChildren();
  };
}

/** @param {string} id @param {import("./types.js").TasksAdapter} adapter
 * @param {import("./types.js").TasksOptions} options @param {Trans} trans */
function oneTask(id, adapter, options, trans) {
  const sign = element("span", { class: "mixpeek-sign", "aria-hidden": "true" });
  const title = element("b");
  const said = element("span", { class: "mixpeek-dim mixpeek-task-facts" });
  const buttons = element("span", { class: "mixpeek-row", role: "group" });
  const problem = element("div", { class: "mixpeek-problem", role: "alert", hidden: true });
  const rows = collectionRows(trans);
  const failed = failureList(() => adapter.failures(id), trans);
  const foot = element("div", { class: "mixpeek-dim mixpeek-wide" });
  const node = element("div", { class: "mixpeek-task", role: "listitem", "data-task": id },
    element("div", { class: "mixpeek-head" }, sign, title, said, element("span", { class: "mixpeek-grow" }), failed.button, buttons),
    problem, rows.node, failed.node, foot);
  /** @type {TaskOut} */
  let task;
  if (adapter.drag) {
    node.draggable = true;
    node.addEventListener("dragstart", (/** @type {DragEvent} */ event) => adapter.drag?.(task, event));
  }

  async function press(/** @type {Control} */ verb) {
    problem.hidden = true;
    for (const button of buttons.children) button.disabled = true;
    try {
      await adapter.control(id, verb);
    } catch (error) {
      problem.textContent = /** @type {any} */ (error)?.message ?? String(error);
      problem.hidden = false;
    }
    for (const button of buttons.children) button.disabled = false;
  }

  function drawButtons(/** @type {Control[]} */ verbs) {
    if (buttons.dataset.verbs === verbs.join()) return;
    buttons.dataset.verbs = verbs.join();
    const focused = buttons.contains(document.activeElement);
    const names = { pause: trans.__("Pause"), resume: trans.__("Resume"), cancel: trans.__("Cancel"), retry: trans.__("Retry") };
    buttons.replaceChildren(...verbs.map((verb) => element("button", { type: "button", "data-verb": verb, onclick: () => void press(verb) }, names[verb])));
    if (focused) /** @type {any} */ (buttons.firstElementChild)?.focus();
  }

  return {
    node,
    /** @param {TaskOut} now @param {boolean} waiting */
    update(now, waiting) {
      task = now;
      const end = hasEnded(task);
      const bad = task.state === "FAILED" || task.state === "CANCELED";
      say(sign, end ? (bad ? "✗" : "✓") : "");
      sign.dataset.kind = bad ? "error" : "ok";
      sign.hidden = !end;
      say(title, taskTitle(task));
      said.title = id;
      say(said, facts(task, trans));
      buttons.setAttribute("aria-label", trans.__("Control %1", taskTitle(task)));
      drawButtons(options.actions === false ? [] : controls(task));
      rows.update(end && options.compact ? [] : task.collections, end);
      failed.update(task.progress.failed);
      const error = task.error ? [task.error.message, task.error.hint].filter(Boolean).join(". ") : "";
      if (error && problem.hidden) { say(problem, error); problem.hidden = false; }
      const docs = trans._n("Searchable now: 1 document.", "Searchable now: %1 documents.", task.progress.documents, number(task.progress.documents));
      say(foot, end ? "" : waiting ? `${docs} ${trans.__("Interrupting this cell stops the waiting, not the work: %1 waits again.", `%mixpeek wait ${id}`)}` : docs);
    },
  };
}

/** @param {Trans} trans */
function collectionRows(trans) {
  const heads = [["collection", trans.__("collection"), ""], ["bar", trans.__("progress"), ""], ["done", trans.__("done"), "mixpeek-num"], ["rate", trans.__("rate"), "mixpeek-num mixpeek-wide"], ["left", trans.__("left"), "mixpeek-num mixpeek-wide"], ["failed", trans.__("failed"), "mixpeek-wide"]];
  const head = element("div", { role: "row", class: "mixpeek-heads" }, ...heads.map(([, name, place]) => element("span", { role: "columnheader", class: place }, name)));
  const node = element("div", { class: "mixpeek-rows", role: "table", "aria-label": trans.__("Progress by collection") }, head);
  /** @type {Map<string, {row: HTMLElement, cells: HTMLElement[], bar: HTMLElement}>} */
  const drawn = new Map();

  function make(/** @type {string} */ name) {
    const bar = element("div", { class: "mixpeek-bar", role: "progressbar", "aria-valuemin": "0" },
      ...["indexed", "extracted", "failed"].map((part) => element("i", { "data-part": part })));
    const cells = heads.map(([, , place]) => element("span", { role: "cell", class: place }));
    cells[1].append(bar);
    const row = element("div", { role: "row", "data-collection": name }, ...cells);
    node.append(row);
    return { row, cells, bar };
  }

  return {
    node,
    /** @param {CollectionProgress[]} collections @param {boolean} ended */
    update(collections, ended) {
      node.hidden = !collections.length;
      for (const c of collections) {
        let view = drawn.get(c.collection);
        if (!view) drawn.set(c.collection, (view = make(c.collection)));
        fillRow(view, c, ended, trans);
      }
    },
  };
}

/** @param {{cells: HTMLElement[], bar: HTMLElement}} view @param {CollectionProgress} c @param {boolean} ended @param {Trans} trans */
function fillRow(view, c, ended, trans) {
  const [name, , finished, pace, left, failed] = view.cells;
  const total = c.total;
  const whole = ended ? total || done(c) : (total ?? 0);
  const share = (/** @type {number} */ n) => (whole ? `${((100 * n) / whole).toFixed(2)}%` : "0");
  const [indexed, extracted, bad] = /** @type {any} */ (view.bar.children);
  indexed.style.width = share(c.indexed + c.skipped);
  extracted.style.width = share(c.extracted);
  bad.style.width = share(c.failed);
  const title = c.extractor.split("@")[0];
  view.bar.setAttribute("aria-label", title);
  if (whole) {
    view.bar.setAttribute("aria-valuemax", String(whole));
    view.bar.setAttribute("aria-valuenow", String(done(c)));
  }
  const counted = `${number(done(c))} / ${total === null ? "?" : number(total)}`;
  view.bar.setAttribute("aria-valuetext", counted);
  say(name, title);
  name.title = c.collection;
  say(finished, counted);
  say(pace, ended || !c.rate ? "–" : rate(c.rate));
  const over = ended || (total !== null && done(c) >= total);
  say(left, over ? trans.__("done") : c.seconds_left === null || c.seconds_left === undefined ? trans.__("unknown") : about(c.seconds_left));
  say(failed, c.failed ? trans.__("%1 failed", number(c.failed)) : trans.__("none"));
  failed.classList.toggle("mixpeek-err", Boolean(c.failed));
  failed.classList.toggle("mixpeek-dim", !c.failed);
}

/** @param {() => Promise<import("./types.js").FailureOut[]>} ask @param {Trans} trans */
function failureList(ask, trans) {
  const node = element("div", { class: "mixpeek-failures", hidden: true, tabindex: "0", role: "region", "aria-label": trans.__("What failed") });
  const button = element("button", { type: "button", class: "mixpeek-link mixpeek-err", "aria-expanded": "false", hidden: true, onclick: () => void flip() });
  let count = 0;
  let loaded = -1;

  async function flip() {
    const opening = node.hidden;
    button.setAttribute("aria-expanded", String(opening));
    node.hidden = !opening;
    if (opening && loaded !== count) await load();
  }

  async function load() {
    const at = count;
    if (!node.firstChild) node.textContent = trans.__("Asking …");
    try {
      node.replaceChildren(table(await ask()));
      loaded = at;
    } catch (error) {
      node.textContent = /** @type {any} */ (error)?.message ?? String(error);
    }
    if (!node.hidden && count !== at) await load();
  }

  function table(/** @type {import("./types.js").FailureOut[]} */ failures) {
    const line = (/** @type {string} */ tag, /** @type {string[]} */ texts) => element("tr", {}, ...texts.map((text) => element(tag, tag === "th" ? { scope: "col" } : {}, text)));
    const rows = failures.map((f) => line("td", [f.object_name, `${f.category} · ${f.message}`, f.hint ?? (f.retryable ? trans.__("retry") : "–")]));
    const rest = count - failures.length;
    if (rest > 0) rows.push(line("td", [trans.__("%1 more", number(rest)), "", ""]));
    return element("table", {}, element("thead", {}, line("th", [trans.__("file"), trans.__("why"), trans.__("what to do")])), element("tbody", {}, ...rows));
  }

  return {
    node, button,
    update(/** @type {number} */ failed) {
      count = failed;
      button.hidden = !failed;
      say(button, trans._n("1 failed", "%1 failed", failed, number(failed)));
      if (!node.hidden && loaded !== count && loaded >= 0) { loaded = -1; void load(); }
    },
  };
}
