import { Notification } from '@jupyterlab/apputils';

import { ITrans } from './adapters';
import { ITask } from './tokens';

export type Notify = 'all' | 'problems' | 'none';

/** Tell that a task has ended; `show` brings the panel. */
export function tell(task: ITask, which: Notify, trans: ITrans, show: () => void): void {
  const good = task.state === 'COMPLETED';
  if (which === 'none' || (which === 'problems' && good)) {
    return;
  }
  const name = [task.kind, task.bucket].filter(Boolean).join(' ');
  const actions = [{ label: trans.__('Show'), callback: show }];
  const { failed, documents } = task.progress;
  const options = { actions, autoClose: 8000 };
  if (good) {
    Notification.success(
      trans._n(
        '%2 is done: %1 document is searchable.',
        '%2 is done: %1 documents are searchable.',
        documents,
        documents.toLocaleString(),
        name
      ),
      options
    );
  } else if (task.state === 'COMPLETED_WITH_ERRORS') {
    Notification.warning(
      trans._n(
        '%2 is done, but %1 item failed.',
        '%2 is done, but %1 items failed.',
        failed,
        failed.toLocaleString(),
        name
      ),
      options
    );
  } else if (task.state === 'CANCELED') {
    Notification.info(trans.__('%1 was canceled.', name), options);
  } else {
    const why = task.error?.message ?? trans.__('the panel lists what failed');
    Notification.error(trans.__('%1 failed: %2', name, why), options);
  }
}
