import { CommandToolbarButton, ReactWidget, SidePanel, UseSignal } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Message } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';
import { mountTasks } from '../../ui/tasks.js';
import * as React from 'react';

import { IRefine, ITrans, TasksAdapter, WIDE } from './adapters';
import { dragCell, taskCell } from './cells';
import { fileCount, fileSize } from './figures';
import { mixpeekIcon } from './icon';
import { IRecent, Recent } from './recent';
import { StackNotice } from './stack';
import { CommandIDs, hasEnded, IBucket, ICollection, ITask, IWorkbench } from './tokens';

interface IOptions {
  workbench: IWorkbench;
  recent: Recent;
  commands: CommandRegistry;
  trans: ITrans;
}

/** The side panel: the stack where it needs a person, tasks, collections, recent searches. */
export class WorkbenchPanel extends SidePanel {
  constructor({ workbench, recent, commands, trans }: IOptions) {
    super({ content: new Panel() });
    this.id = 'mixpeek-panel';
    this.title.icon = mixpeekIcon;
    this.title.caption = trans.__('Mixpeek');
    this.addClass('jp-Mixpeek');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Mixpeek'));
    this.header.addWidget(new Title(trans.__('Mixpeek')));
    [CommandIDs.openSearch, CommandIDs.refresh].forEach(id => {
      this.toolbar.addItem(id, new CommandToolbarButton({ commands, id, label: '' }));
    });
    this.addWidget(ReactWidget.create(<StackNotice workbench={workbench} trans={trans} />));
    this.addWidget(new TasksSection(workbench, trans));
    const open = (text: string | null, refine: IRefine) =>
      void commands.execute(CommandIDs.openSearch, { text, refine: refine as any });
    this.addWidget(
      ReactWidget.create(
        <UseSignal signal={workbench.changed}>
          {() => <Collections workbench={workbench} trans={trans} open={open} />}
        </UseSignal>
      )
    );
    this.addWidget(
      ReactWidget.create(
        <UseSignal signal={recent.changed}>
          {() => <RecentSearches items={recent.items} trans={trans} open={open} />}
        </UseSignal>
      )
    );
  }
}

class Title extends Widget {
  constructor(text: string) {
    const node = document.createElement('h2');
    node.textContent = text;
    super({ node });
  }
}

/** The tasks as notebooks show them; where there is none, how to begin. */
class TasksSection extends Widget {
  constructor(
    private _workbench: IWorkbench,
    private _trans: ITrans
  ) {
    super({ node: document.createElement('section') });
    const heading = document.createElement('h3');
    heading.textContent = _trans.__('Tasks');
    this.node.append(heading, this._list, this._empty);
    this.node.setAttribute('aria-label', _trans.__('Tasks'));
    this.addClass('jp-MixpeekSection');
    this._list.className = 'jp-MixpeekTasks';
    this._empty.className = 'jp-MixpeekTeach';
    _workbench.changed.connect(this._update, this);
  }

  protected onAfterAttach(_: Message): void {
    const drag = (task: ITask, event: DragEvent) =>
      dragCell(taskCell(task), `${task.kind} ${task.bucket ?? ''}`, event);
    const adapter = new TasksAdapter(this._workbench, drag);
    const options = { trans: this._trans, compact: true, actions: true };
    this._unmount = mountTasks(this._list, adapter, options);
    this._update();
  }

  protected onBeforeDetach(_: Message): void {
    this._unmount?.();
    this._unmount = null;
  }

  private _update(): void {
    const { loaded, tasks } = this._workbench;
    this._list.hidden = tasks.length === 0;
    this._empty.hidden = !loaded || tasks.length > 0;
    if (!this._empty.hidden && !this._empty.hasChildNodes()) {
      const first = document.createElement('p');
      first.textContent = this._trans.__(
        'Nothing was ingested yet. Right-click a folder in the file browser and choose “Ingest with Mixpeek…”, or run this in a notebook:'
      );
      const code = document.createElement('pre');
      code.textContent = '%load_ext jupyter_ext\n%mixpeek ingest ./media';
      this._empty.append(first, code);
    }
  }

  private _list = document.createElement('div');
  private _empty = document.createElement('div');
  private _unmount: (() => void) | null = null;
}

interface ICollectionsProps {
  workbench: IWorkbench;
  trans: ITrans;
  open: (text: string | null, refine: IRefine) => void;
}

function Collections({ workbench, trans, open }: ICollectionsProps): JSX.Element {
  const { buckets, collections, loaded } = workbench;
  return (
    <section className="jp-MixpeekSection" aria-label={trans.__('Collections')}>
      <h3>{trans.__('Collections')}</h3>
      {loaded && buckets.length === 0 && (
        <div className="jp-MixpeekTeach">
          <p>
            {trans.__(
              'A bucket holds the files of one folder. Seen through an extractor it is a collection, and its documents are what a search finds.'
            )}
          </p>
        </div>
      )}
      <ul className="jp-MixpeekList">
        {buckets.map(bucket => (
          <Bucket
            key={bucket.bucket_id}
            bucket={bucket}
            collections={collections.filter(each => each.bucket === bucket.name)}
            {...{ workbench, trans, open }}
          />
        ))}
      </ul>
    </section>
  );
}

interface IBucketProps extends ICollectionsProps {
  bucket: IBucket;
  collections: ICollection[];
}

function Bucket(props: IBucketProps): JSX.Element {
  const { bucket, collections, workbench, trans, open } = props;
  const files = fileCount(trans, bucket.objects);
  const browse = () => open(null, { ...WIDE, buckets: [bucket.name] });
  return (
    <li>
      <button
        className="jp-MixpeekRow"
        onClick={browse}
        title={trans.__('Browse %1 (%2)', bucket.name, bucket.source.uri)}
      >
        <b>{bucket.name}</b>
        <span className="jp-MixpeekDim">{`${files} · ${fileSize(bucket.bytes)}`}</span>
      </button>
      <ul className="jp-MixpeekList">
        {collections.map(collection => {
          const health = healthOf(collection, workbench.tasks, trans);
          return (
            <li key={collection.collection_id} className="jp-MixpeekCollection">
              <span>{collection.extractor}</span>
              <span className="jp-MixpeekDim">
                {trans._n(
                  '%1 document',
                  '%1 documents',
                  collection.documents,
                  collection.documents.toLocaleString()
                )}
              </span>
              <span data-health={health.state}>{health.text}</span>
            </li>
          );
        })}
      </ul>
    </li>
  );
}

interface IHealth {
  state: 'good' | 'busy' | 'bad';
  text: string;
}

/** How a collection is: what its newest task said, and whether its extractor is there. */
function healthOf(
  collection: ICollection,
  tasks: readonly ITask[],
  trans: ITrans
): IHealth {
  const last = tasks.find(
    task =>
      task.kind === 'ingest' &&
      task.bucket === collection.bucket &&
      task.collections.some(each => each.collection === collection.name)
  );
  const failed =
    last?.collections.find(each => each.collection === collection.name)?.failed ?? 0;
  if (collection.features.length === 0) {
    return { state: 'bad', text: trans.__('extractor not installed') };
  }
  if (last && !hasEnded(last)) {
    return last.state === 'PAUSED'
      ? { state: 'busy', text: trans.__('paused') }
      : { state: 'busy', text: trans.__('being updated') };
  }
  if (failed > 0) {
    return { state: 'bad', text: trans.__('%1 failed', failed.toLocaleString()) };
  }
  return { state: 'good', text: trans.__('ready') };
}

interface IRecentProps {
  items: readonly IRecent[];
  trans: ITrans;
  open: (text: string | null, refine: IRefine) => void;
}

function RecentSearches({ items, trans, open }: IRecentProps): JSX.Element {
  return (
    <section className="jp-MixpeekSection" aria-label={trans.__('Recent searches')}>
      <h3>{trans.__('Recent searches')}</h3>
      {items.length === 0 && (
        <div className="jp-MixpeekTeach">
          <p>{trans.__('What you search for in the search tab is kept here.')}</p>
          <button className="jp-MixpeekButton" onClick={() => open(null, WIDE)}>
            {trans.__('Search and browse')}
          </button>
        </div>
      )}
      <ul className="jp-MixpeekList">
        {items.map(({ text, refine }) => {
          const within = [...refine.buckets, ...refine.kinds, ...refine.labels].join(', ');
          return (
            <li key={`${text} ${within}`}>
              <button className="jp-MixpeekRow" onClick={() => open(text, refine)}>
                <span>{text}</span>
                <span className="jp-MixpeekDim">{within}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
