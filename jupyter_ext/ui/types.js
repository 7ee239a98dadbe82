// The words that views and adapters share, for the type checker only. See ADAPTER.md.

/**
 * @typedef {{kind: string, feature: string|null, score: number, rank: number}} Reason
 * @typedef {{document_id: string, collection: string, score: number, text: string|null,
 *   page: number|null, start_ms: number|null, end_ms: number|null}} Folded
 * @typedef {{document_id: string, object_id: string, object_name: string, bucket: string,
 *   collection: string, extractor: string, mime: string, text: string|null, page: number|null,
 *   start_ms: number|null, end_ms: number|null, box: number[]|null, labels: string[],
 *   payload: Record<string, any>, rank: number, score: number, reasons: Reason[],
 *   others: Folded[]}} Hit
 * @typedef {{kinds: string[], buckets: string[], labels: string[], since: string|null,
 *   until: string|null}} Refine
 * @typedef {{document_id: string, name: string}} Like
 * @typedef {{query: string|null, like: Like|null, hits: Hit[], complete: boolean, refine: Refine,
 *   collections: string[], warnings: string[], seconds: number|null, selected: string[],
 *   busy: boolean}} ResultsState
 * @typedef {{text?: string|null, like?: Like|null, refine?: Refine}} Query
 * @typedef {{
 *   get(): ResultsState,
 *   onChange(call: () => void): () => void,
 *   search(query: Query): Promise<void>,
 *   more(): Promise<void>,
 *   select(ids: string[]): void,
 *   thumbnail(hit: Hit, size: number): Promise<string|Blob|null>,
 *   media(hit: Hit): string|null,
 *   drag?: (hit: Hit, event: DragEvent) => void,
 * }} ResultsAdapter
 * @typedef {{height?: "auto"|"fill", trans?: Trans, searchBox?: boolean, layout?: "grid"|"list",
 *   onLayout?: (layout: "grid"|"list") => void}} ResultsOptions
 */

/**
 * @typedef {{total: number|null, pending: number, extracted: number, indexed: number,
 *   skipped: number, failed: number, canceled: number, documents: number, rate: number|null,
 *   seconds_left: number|null}} Progress
 * @typedef {Progress & {collection: string, extractor: string}} CollectionProgress
 * @typedef {{task_id: string, kind: string, state: string, requested: string|null,
 *   bucket: string|null, progress: Progress, collections: CollectionProgress[],
 *   objects: {listed: number, matched: number, unmatched: number, removed: number},
 *   error: {message: string, hint: string|null}|null, created_at: string,
 *   started_at: string|null, ended_at: string|null}} TaskOut
 * @typedef {{failure_id: string, object_name: string, collection: string, category: string,
 *   message: string, hint: string|null, stage: string, retryable: boolean}} FailureOut
 * @typedef {{tasks: TaskOut[], waiting: boolean}} TasksState
 * @typedef {"pause"|"resume"|"cancel"|"retry"} Control
 * @typedef {{
 *   get(): TasksState,
 *   onChange(call: () => void): () => void,
 *   control(task_id: string, verb: Control): Promise<void>,
 *   failures(task_id: string): Promise<FailureOut[]>,
 *   drag?: (task: TaskOut, event: DragEvent) => void,
 * }} TasksAdapter
 * @typedef {{trans?: Trans, compact?: boolean, actions?: boolean}} TasksOptions
 */

/**
 * What JupyterLab's TranslationBundle has: %1, %2 … stand for the arguments.
 * @typedef {{__(text: string, ...args: any[]): string,
 *   _n(one: string, many: string, count: number, ...args: any[]): string}} Trans
 */

export {};
