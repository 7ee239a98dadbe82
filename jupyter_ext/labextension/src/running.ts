import { IRunningSessions } from '@jupyterlab/running';
import { ISignal } from '@lumino/signaling';

import { ITrans } from './adapters';
import { mixpeekIcon } from './icon';
import { going, percent } from './status';
import { ITask, IWorkbench } from './tokens';

/** The tasks that go on, for JupyterLab's own panel of what runs. */
export class RunningTasks implements IRunningSessions.IManager {
  constructor(
    private _workbench: IWorkbench,
    private _trans: ITrans,
    private _open: () => void
  ) {
    this.name = _trans.__('Mixpeek Tasks');
    this.shutdownLabel = _trans.__('Cancel');
    this.shutdownAllLabel = _trans.__('Cancel All');
    this.shutdownAllConfirmationText = _trans.__(
      'Cancel all tasks? What they have done stays searchable.'
    );
  }

  readonly name: string;
  readonly shutdownLabel: string;
  readonly shutdownAllLabel: string;
  readonly shutdownAllConfirmationText: string;

  get runningChanged(): ISignal<IWorkbench, void> {
    return this._workbench.changed;
  }

  running(): IRunningSessions.IRunningItem[] {
    return going(this._workbench).map(task => ({
      icon: () => mixpeekIcon,
      label: () => this._label(task),
      labelTitle: () => task.task_id,
      open: this._open,
      shutdown: () => this._cancel(task)
    }));
  }

  refreshRunning(): void {
    void this._workbench.refresh();
  }

  shutdownAll(): void {
    going(this._workbench).forEach(task => this._cancel(task));
  }

  private _cancel(task: ITask): void {
    this._workbench
      .control(task.task_id, 'cancel')
      .catch(error => console.warn(`Mixpeek: ${error}`));
  }

  private _label(task: ITask): string {
    const done = percent([task]);
    const name = `${task.kind} ${task.bucket ?? ''}`;
    return done === null ? name : this._trans.__('%1, %2 %', name, done);
  }
}
