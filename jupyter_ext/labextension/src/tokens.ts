import type { ISignal } from '@lumino/signaling';
import { Token } from '@lumino/coreutils';

/** The name under which strings are translated, and the prefix of every id. */
export const NAMESPACE = 'mixpeek-lab';

/** What the Jupyter server tells on its event bus. */
export const TASK_EVENT = 'https://schema.mixpeek.com/task';
export const STACK_EVENT = 'https://schema.mixpeek.com/stack';

export namespace CommandIDs {
  export const openPanel = 'mixpeek:open-panel';
  export const openSearch = 'mixpeek:open-search';
  export const ingest = 'mixpeek:ingest';
  export const start = 'mixpeek:start';
  export const refresh = 'mixpeek:refresh';
  export const insertHits = 'mixpeek:insert-hits';
  export const insertTask = 'mixpeek:insert-task';
}

/** `missing`: this Jupyter server has no Mixpeek extension. `unknown`: it was not asked yet. */
export type StackState =
  | 'unknown'
  | 'ok'
  | 'degraded'
  | 'starting'
  | 'down'
  | 'missing';

export interface IHello {
  version: string;
  home_id: string | null;
  state: StackState;
  namespace: string;
  can_start: boolean;
  files: boolean;
  note: string | null;
  parts: Record<string, { state: string; detail: string }>;
}

export interface IProgress {
  total: number | null;
  pending: number;
  extracted: number;
  indexed: number;
  skipped: number;
  failed: number;
  canceled: number;
  documents: number;
  rate: number | null;
  seconds_left: number | null;
}

export interface ITask {
  task_id: string;
  kind: string;
  state: string;
  requested: string | null;
  bucket: string | null;
  progress: IProgress;
  collections: (IProgress & { collection: string; extractor: string })[];
  objects: {
    listed: number;
    matched: number;
    unmatched: number;
    removed: number;
  };
  error: { message: string; hint: string | null } | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface IFailure {
  failure_id: string;
  object_name: string;
  collection: string;
  category: string;
  message: string;
  hint: string | null;
  stage: string;
  retryable: boolean;
}

export interface ICollection {
  collection_id: string;
  name: string;
  bucket: string;
  extractor: string;
  revision: number;
  features: unknown[];
  documents: number;
}

export interface IBucket {
  bucket_id: string;
  name: string;
  source: { kind: string; uri: string };
  objects: number;
  bytes: number;
}

export interface IExtractor {
  name: string;
  version: number;
  description: string;
  accepts: string[];
  default: boolean;
}

/** What the form of an ingest says. `paths` are those of the file browser. */
export interface IIngestForm {
  paths: string[];
  bucket: string | null;
  extractors: string[] | null;
}

export interface IDryRun {
  bucket: string;
  new: boolean;
  files: number;
  bytes: number;
  unchanged: number;
  unmatched: number;
  complete: boolean;
  rows: { kind: string; extractor: string | null; files: number }[];
}

export interface IIngested {
  path: string;
  task?: ITask;
  error?: string;
}

export type Control = 'pause' | 'resume' | 'cancel' | 'retry';

const ENDED = new Set([
  'COMPLETED',
  'COMPLETED_WITH_ERRORS',
  'FAILED',
  'CANCELED'
]);

export function hasEnded(task: { state: string }): boolean {
  return ENDED.has(task.state);
}

/** The workbench as its views see it: kept current by events, asked for nothing in between. */
export interface IWorkbench {
  readonly hello: IHello;
  /** Newest first. */
  readonly tasks: readonly ITask[];
  readonly collections: readonly ICollection[];
  readonly buckets: readonly IBucket[];
  /** Whether tasks, collections and buckets have been read since the service came up. */
  readonly loaded: boolean;
  readonly changed: ISignal<IWorkbench, void>;
  /** A task ended that was seen going on. */
  readonly ended: ISignal<IWorkbench, ITask>;

  refresh(): Promise<void>;
  start(): Promise<void>;
  control(taskId: string, verb: Control): Promise<void>;
  failures(taskId: string): Promise<IFailure[]>;
  extractors(): Promise<IExtractor[]>;
  ingest(form: IIngestForm): Promise<IIngested[]>;
  dryRun(form: IIngestForm): Promise<IDryRun[]>;
  request<T>(path: string, init?: RequestInit): Promise<T>;
  /** The address of a route of the service for pictures and media, which need no header. */
  url(path: string): string;
}

export const IWorkbench = new Token<IWorkbench>(
  `${NAMESPACE}:IWorkbench`,
  'The Mixpeek workbench behind this Jupyter server: tasks, collections, search.'
);
