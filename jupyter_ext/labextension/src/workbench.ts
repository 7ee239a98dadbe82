import { URLExt } from '@jupyterlab/coreutils';
import type { Event, ServiceManager } from '@jupyterlab/services';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { post, RefusedError, request, said } from './request';
import {
  Control,
  hasEnded,
  IBucket,
  ICollection,
  IDryRun,
  IExtractor,
  IFailure,
  IHello,
  IIngested,
  IIngestForm,
  ITask,
  IWorkbench,
  STACK_EVENT,
  TASK_EVENT
} from './tokens';

interface IPage<T> {
  results: T[];
  next_cursor: string | null;
}

/** Tasks that the panel lists. */
const TASKS = 200;
/** Milliseconds between two looks at the details of a task whose counters come by events. */
const DETAILS = 2000;

const UNASKED: IHello = {
  version: '',
  home_id: null,
  state: 'unknown',
  namespace: 'default',
  can_start: false,
  files: false,
  note: null,
  parts: {}
};

/** Loads once, then listens: counters and states of tasks, the coming and going of the service. */
export class Workbench implements IWorkbench, IDisposable {
  constructor(private _services: ServiceManager.IManager) {
    _services.events.stream.connect(this._onEvent, this);
  }

  hello: IHello = UNASKED;
  collections: readonly ICollection[] = [];
  buckets: readonly IBucket[] = [];
  loaded = false;

  get tasks(): readonly ITask[] {
    return this._tasks;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get ended(): ISignal<this, ITask> {
    return this._ended;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._timers.forEach(timer => window.clearTimeout(timer));
      Signal.clearData(this);
    }
  }

  /** Ask for everything anew. Never rejects: what went wrong becomes the state. */
  async refresh(): Promise<void> {
    try {
      this.hello = await request<IHello>(this._settings, 'hello');
      if (this._answers) {
        await this._load();
      } else {
        this.loaded = false;
      }
    } catch (error) {
      const missing = error instanceof RefusedError && error.status === 404;
      const state = missing ? 'missing' : 'down';
      this.hello = { ...this.hello, state, note: missing ? null : said(error) };
    }
    this._changed.emit();
  }

  async start(): Promise<void> {
    await request(this._settings, 'start', post());
    this.hello = { ...this.hello, state: 'starting', note: null };
    this._changed.emit();
  }

  async control(taskId: string, verb: Control): Promise<void> {
    const task = await this.request<ITask>(`tasks/${taskId}/${verb}`, post());
    this._take(task);
    this._changed.emit();
  }

  async failures(taskId: string): Promise<IFailure[]> {
    const page = await this.request<IPage<IFailure>>(
      `tasks/${taskId}/failures?limit=100`
    );
    return page.results;
  }

  async extractors(): Promise<IExtractor[]> {
    return (await this.request<IPage<IExtractor>>('extractors')).results;
  }

  async ingest(form: IIngestForm): Promise<IIngested[]> {
    const answer = await request<{ results: IIngested[] }>(
      this._settings,
      'ingest',
      post(form)
    );
    answer.results.forEach(result => result.task && this._take(result.task));
    this._changed.emit();
    return answer.results;
  }

  async dryRun(form: IIngestForm): Promise<IDryRun[]> {
    const answer = await request<{ results: IDryRun[] }>(
      this._settings,
      'ingest/dry-run',
      post(form)
    );
    return answer.results;
  }

  async request<T>(path: string, init?: RequestInit): Promise<T> {
    return request<T>(this._settings, `v1/${path}`, init);
  }

  url(path: string): string {
    return URLExt.join(this._settings.baseUrl, 'mixpeek/v1', path);
  }

  private get _settings() {
    return this._services.serverSettings;
  }

  private get _answers(): boolean {
    return this.hello.state === 'ok' || this.hello.state === 'degraded';
  }

  private async _load(): Promise<void> {
    const [tasks, collections, buckets] = await Promise.all([
      this.request<IPage<ITask>>(`tasks?limit=${TASKS}`),
      this.request<IPage<ICollection>>('collections?limit=500&sort=name'),
      this.request<IPage<IBucket>>('buckets?limit=500')
    ]);
    this._tasks = tasks.results;
    this.collections = collections.results;
    this.buckets = buckets.results;
    this.loaded = true;
  }

  private _onEvent(_: unknown, event: Event.Emission): void {
    if (event.schema_id === TASK_EVENT) {
      this._onTask(event as unknown as ITaskEvent);
    } else if (event.schema_id === STACK_EVENT) {
      const { state, note } = event as unknown as IStackEvent;
      if (state === 'starting') {
        this.hello = { ...this.hello, state, note };
        this._changed.emit();
      } else {
        void this.refresh();
      }
    }
  }

  private _onTask(event: ITaskEvent): void {
    const { task_id, kind, state, requested, schema_id, ...progress } = event;
    const known = this._tasks.find(task => task.task_id === task_id);
    if (known && !hasEnded(known) && !hasEnded(event)) {
      this._take({ ...known, state, requested, progress });
      this._changed.emit();
      this._lookSoon(task_id, DETAILS);
    } else if (!known || !hasEnded(known)) {
      this._lookSoon(task_id, 0); // one that is new here, or the end of one
    }
  }

  /** Ask for the whole task; one question at a time for each. */
  private _lookSoon(taskId: string, wait: number): void {
    const waiting = this._timers.get(taskId);
    if (waiting !== undefined && wait > 0) {
      return;
    }
    window.clearTimeout(waiting);
    this._timers.set(
      taskId,
      window.setTimeout(() => {
        this._timers.delete(taskId);
        void this._look(taskId);
      }, wait)
    );
  }

  private async _look(taskId: string): Promise<void> {
    try {
      const before = this._tasks.find(task => task.task_id === taskId);
      const task = await this.request<ITask>(`tasks/${taskId}`);
      this._take(task);
      if (hasEnded(task) || !this._knows(task)) {
        await this._load();
      }
      if (hasEnded(task)) {
        const young = Date.parse(task.created_at) > this._opened;
        if (before ? !hasEnded(before) : young) {
          this._ended.emit(task);
        }
      }
      this._changed.emit();
    } catch (error) {
      console.warn(`Mixpeek: task ${taskId} cannot be read: ${said(error)}`);
    }
  }

  /** Whether the task's collections are those that were read. */
  private _knows(task: ITask): boolean {
    const names = new Set(this.collections.map(each => each.name));
    return task.collections.every(each => names.has(each.collection));
  }

  private _take(task: ITask): void {
    const others = this._tasks.filter(other => other.task_id !== task.task_id);
    const place = others.findIndex(other => other.task_id < task.task_id);
    others.splice(place < 0 ? others.length : place, 0, task); // ids grow with time
    this._tasks = others;
  }

  /** Who opens the page later is not told of what ended before. */
  private _opened = Date.now();
  private _tasks: ITask[] = [];
  private _timers = new Map<string, number>();
  private _changed = new Signal<this, void>(this);
  private _ended = new Signal<this, ITask>(this);
  private _isDisposed = false;
}

type ITaskEvent = Pick<ITask, 'task_id' | 'kind' | 'state' | 'requested'> &
  ITask['progress'] & { schema_id: string };

interface IStackEvent {
  state: 'up' | 'starting' | 'down';
  note: string | null;
}
