import { TextItem } from '@jupyterlab/statusbar';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ITrans } from './adapters';
import { hasEnded, ITask, IWorkbench } from './tokens';

/** Tasks that go on, for the status bar and for who shows the item only when there are some. */
export function going(workbench: IWorkbench): ITask[] {
  return workbench.tasks.filter(task => !hasEnded(task));
}

/** Done of all items of these tasks in percent; null while listing goes on. */
export function percent(tasks: readonly ITask[]): number | null {
  let done = 0;
  let total = 0;
  for (const { progress } of tasks) {
    if (progress.total === null) {
      return null;
    }
    total += progress.total;
    done += progress.indexed + progress.skipped + progress.failed + progress.canceled;
  }
  return total ? Math.floor((100 * done) / total) : null;
}

export class StatusItem extends ReactWidget {
  constructor(
    private _workbench: IWorkbench,
    private _trans: ITrans,
    private _open: () => void
  ) {
    super();
    this.addClass('jp-MixpeekStatus');
    _workbench.changed.connect(() => this.update());
  }

  protected render(): JSX.Element {
    const text = this._text();
    return (
      <button className="jp-MixpeekStatus-button" onClick={this._open} title={this._trans.__('Show Mixpeek')}>
        <TextItem source={text} />
      </button>
    );
  }

  private _text(): string {
    const trans = this._trans;
    if (this._workbench.hello.state === 'starting') {
      return trans.__('Mixpeek is starting');
    }
    const tasks = going(this._workbench);
    const done = percent(tasks);
    const count = trans._n('Mixpeek: %1 task', 'Mixpeek: %1 tasks', tasks.length, tasks.length);
    return done === null ? count : trans.__('%1, %2 %', count, done);
  }
}
