import { JupyterFrontEnd } from '@jupyterlab/application';
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';
import { Widget } from '@lumino/widgets';

import { IHit } from './adapters';
import { hasEnded, ITask } from './tokens';

const CELLS = 'application/vnd.jupyter.cells';
const LOAD = '%reload_ext jupyter_ext';

/** What is used of a notebook, whose package we would load for nothing else. */
interface INotebook extends Widget {
  content: Widget & {
    activeCellIndex: number;
    model: {
      sharedModel: { insertCell(index: number, cell: object): void };
    } | null;
  };
}

/** `text` as one word of a shell line. */
export function quoted(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return `'${line.replace(/'/g, `'"'"'`)}'`;
}

/** The cell that shows these hits again. */
export function hitsCell(query: string | null, hits: readonly IHit[]): string {
  const objects = [...new Set(hits.map(hit => hit.object_id))];
  const text = query || hits[0].object_name;
  const ids = objects.map(id => `"${id}"`).join(', ');
  const filter = quoted(`object_id in (${ids})`);
  return `${LOAD}\n%mixpeek search ${quoted(text)} --filter ${filter} --top ${hits.length}`;
}

/** The cell that shows the task: it waits for one that goes on. */
export function taskCell(task: ITask): string {
  return `${LOAD}\n%mixpeek ${hasEnded(task) ? 'tasks' : 'wait'} ${task.task_id}`;
}

function cell(source: string): object {
  return { cell_type: 'code', source, metadata: {}, outputs: [], execution_count: null };
}

/** Let the element that is being dragged be a cell for whoever takes cells, a text for others. */
export function dragCell(source: string, label: string, event: DragEvent): void {
  event.preventDefault(); // JupyterLab's notebooks take Lumino's drags, not the browser's
  const mimeData = new MimeData();
  mimeData.setData(CELLS, [cell(source)]);
  mimeData.setData('text/plain', source);
  const dragImage = document.createElement('div');
  dragImage.className = 'jp-MixpeekDrag';
  dragImage.textContent = label;
  const drag = new Drag({
    mimeData,
    dragImage,
    supportedActions: 'copy-move',
    proposedAction: 'copy',
    source: null
  });
  void drag.start(event.clientX, event.clientY).then(() => drag.dispose());
}

/** Where cells go that a person asks for by a command: the notebook that was used last. */
export class LastNotebook {
  constructor(app: JupyterFrontEnd) {
    app.shell.currentChanged?.connect((_, { newValue }) => {
      if (newValue?.hasClass('jp-NotebookPanel')) {
        this._last = newValue as INotebook;
      }
    });
  }

  get name(): string | null {
    return this._notebook?.title.label ?? null;
  }

  /** False where there is no notebook. */
  insert(source: string): boolean {
    const content = this._notebook?.content;
    if (!content?.model) {
      return false;
    }
    const index = content.activeCellIndex + 1;
    content.model.sharedModel.insertCell(index, cell(source));
    content.activeCellIndex = index;
    return true;
  }

  private get _notebook(): INotebook | null {
    return this._last && !this._last.isDisposed ? this._last : null;
  }

  private _last: INotebook | null = null;
}
