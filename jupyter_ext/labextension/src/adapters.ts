import { Signal } from '@lumino/signaling';

import { post } from './request';
import { Control, IFailure, ITask, IWorkbench } from './tokens';

/** The parts of JupyterLab's TranslationBundle that the shared views use. */
export interface ITrans {
  __(text: string, ...args: any[]): string;
  _n(one: string, many: string, count: number, ...args: any[]): string;
}

export interface IHit {
  document_id: string;
  object_id: string;
  object_name: string;
  bucket: string;
  page: number | null;
  start_ms: number | null;
  end_ms: number | null;
  mime: string;
  rank: number;
  score: number;
  reasons: unknown[];
  others: unknown[];
}

export interface IRefine {
  kinds: string[];
  buckets: string[];
  labels: string[];
  since: string | null;
  until: string | null;
}

export interface ILike {
  document_id: string;
  name: string;
}

export interface IQuery {
  text?: string | null;
  like?: ILike | null;
  refine?: IRefine;
}

export interface IResultsState {
  query: string | null;
  like: ILike | null;
  hits: IHit[];
  complete: boolean;
  refine: IRefine;
  collections: string[];
  warnings: string[];
  seconds: number | null;
  selected: string[];
  busy: boolean;
}

/** What `mountResults` asks of whoever shows it; see ui/ADAPTER.md. */
export interface IResultsAdapter {
  get(): IResultsState;
  onChange(call: () => void): () => void;
  search(query: IQuery): Promise<void>;
  more(): Promise<void>;
  select(ids: string[]): void;
  thumbnail(hit: IHit, size: number): Promise<string | Blob | null>;
  media(hit: IHit): string | null;
  drag?(hit: IHit, event: DragEvent): void;
}

/** What `mountTasks` asks. */
export interface ITasksAdapter {
  get(): { tasks: readonly ITask[]; waiting: boolean };
  onChange(call: () => void): () => void;
  control(taskId: string, verb: Control): Promise<void>;
  failures(taskId: string): Promise<IFailure[]>;
  drag?(task: ITask, event: DragEvent): void;
}

export const WIDE: IRefine = {
  kinds: [],
  buckets: [],
  labels: [],
  since: null,
  until: null
};

const PAGE = 60;
/** The most hits that the service ranks. */
const MOST = 10000;

/** Conditions that a search has no field of its own for, in the service's filter language. */
export function conditions(refine: IRefine, whole: boolean): object | null {
  const all: object[] = [];
  const add = (field: string, operator: string, value: unknown) =>
    all.push({ field, operator, value });
  refine.labels.length && add('labels', 'in', refine.labels);
  refine.since && add('modified_at', 'gte', refine.since);
  refine.until && add('modified_at', 'lt', refine.until);
  if (whole) {
    refine.kinds.length && add('kind', 'in', refine.kinds);
    refine.buckets.length && add('bucket', 'in', refine.buckets);
  }
  return all.length ? { AND: all } : null;
}

interface IFound {
  hits: IHit[];
  collections: string[];
  warnings: string[];
  seconds: number | null;
  complete: boolean;
}

/**
 * Searches over the service. Without a text and an example it browses: documents in the order in
 * which the service keeps them, with a cursor.
 */
export class SearchAdapter implements IResultsAdapter {
  constructor(
    private _workbench: IWorkbench,
    readonly drag?: (hit: IHit, event: DragEvent) => void
  ) {}

  /** A search was made by a person: for whoever keeps them. */
  readonly searched = new Signal<this, { text: string | null; refine: IRefine }>(this);

  get(): IResultsState {
    return this._state;
  }

  onChange(call: () => void): () => void {
    const slot = () => call();
    this._changed.connect(slot);
    return () => void this._changed.disconnect(slot);
  }

  async search(query: IQuery): Promise<void> {
    const before = this._state;
    const next = { ...before, refine: query.refine ?? before.refine };
    if (query.text !== undefined) {
      next.query = query.text?.trim() || null;
      next.like = null;
    } else if (query.like !== undefined) {
      next.like = query.like;
      next.query = null;
    }
    this._cursor = null;
    const done = await this._ask(next, 0);
    if (done) {
      this.searched.emit({ text: next.query, refine: next.refine });
    }
  }

  async more(): Promise<void> {
    if (!this._state.complete && !this._state.busy) {
      await this._ask(this._state, this._state.hits.length);
    }
  }

  select(ids: string[]): void {
    this._set({ ...this._state, selected: ids });
  }

  async thumbnail(hit: IHit, size: number): Promise<string | null> {
    const part = hit.page !== null || hit.start_ms !== null;
    const path = part
      ? `documents/${hit.document_id}/preview`
      : `objects/${hit.object_id}/thumbnail`;
    return `${this._workbench.url(path)}?size=${size}`;
  }

  media(hit: IHit): string | null {
    if (!/^(audio|video)\//.test(hit.mime)) {
      return null;
    }
    const from = hit.start_ms === null ? null : hit.start_ms / 1000;
    const until = hit.end_ms === null ? '' : `,${hit.end_ms / 1000}`;
    const place = from === null ? '' : `#t=${from}${until}`;
    return this._workbench.url(`objects/${hit.object_id}/content`) + place;
  }

  /** The newest question wins: an answer that comes after another was asked is dropped. */
  private async _ask(next: IResultsState, offset: number): Promise<boolean> {
    const number = ++this._asked;
    const before = this._state;
    this._set({ ...next, hits: this._state.hits, busy: true });
    try {
      const found = await (next.query || next.like
        ? this._ranked(next, offset)
        : this._browsed(next, offset));
      if (number !== this._asked) {
        return false;
      }
      const shown = offset ? this._state.hits : [];
      const selected = offset ? this._state.selected : [];
      const { hits, ...rest } = found;
      this._set({ ...next, ...rest, hits: [...shown, ...hits], selected, busy: false });
      return true;
    } catch (error) {
      if (number === this._asked) {
        this._set({ ...before, busy: false }); // what is shown is what was found before
        throw error;
      }
      return false;
    }
  }

  private async _ranked(state: IResultsState, offset: number): Promise<IFound> {
    const { refine } = state;
    const answer = await this._workbench.request<{
      hits: IHit[];
      collections: string[];
      warnings: string[];
      timing: { total: number };
    }>(
      'search',
      post({
        text: state.query,
        document_id: state.like?.document_id ?? null,
        kinds: refine.kinds,
        buckets: refine.buckets,
        filter: conditions(refine, false),
        top: PAGE,
        offset
      })
    );
    const { hits, collections, warnings, timing } = answer;
    const complete = hits.length < PAGE || offset + PAGE >= MOST;
    return { hits, collections, warnings, seconds: timing.total, complete };
  }

  private async _browsed(state: IResultsState, offset: number): Promise<IFound> {
    const filter = conditions(state.refine, true);
    const asked = new URLSearchParams({ limit: String(PAGE) });
    filter && asked.set('filter', JSON.stringify(filter));
    offset && this._cursor && asked.set('cursor', this._cursor);
    const page = await this._workbench.request<{
      results: IHit[];
      next_cursor: string | null;
    }>(`documents?${asked}`);
    this._cursor = page.next_cursor;
    const hits = page.results.map((document, index) => ({
      ...document,
      rank: offset + index + 1,
      score: 0,
      reasons: [],
      others: []
    }));
    const collections = this._workbench.collections.map(each => each.name);
    const complete = page.next_cursor === null;
    return { hits, collections, warnings: [], seconds: null, complete };
  }

  private _set(state: IResultsState): void {
    this._state = state;
    this._changed.emit();
  }

  private _state: IResultsState = {
    query: null,
    like: null,
    hits: [],
    complete: true,
    refine: WIDE,
    collections: [],
    warnings: [],
    seconds: null,
    selected: [],
    busy: false
  };
  private _asked = 0;
  private _cursor: string | null = null;
  private _changed = new Signal<this, void>(this);
}

/** All tasks of the workbench, however they were started. */
export class TasksAdapter implements ITasksAdapter {
  constructor(
    private _workbench: IWorkbench,
    readonly drag?: (task: ITask, event: DragEvent) => void
  ) {}

  get(): { tasks: readonly ITask[]; waiting: boolean } {
    return { tasks: this._workbench.tasks, waiting: false };
  }

  onChange(call: () => void): () => void {
    const slot = () => call();
    this._workbench.changed.connect(slot);
    return () => void this._workbench.changed.disconnect(slot);
  }

  control(taskId: string, verb: Control): Promise<void> {
    return this._workbench.control(taskId, verb);
  }

  failures(taskId: string): Promise<IFailure[]> {
    return this._workbench.failures(taskId);
  }
}
