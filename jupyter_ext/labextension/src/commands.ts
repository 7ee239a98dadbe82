import { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification, WidgetTracker } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { refreshIcon } from '@jupyterlab/ui-components';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { IRefine, ITrans, SearchAdapter, WIDE } from './adapters';
import { hitsCell, LastNotebook, taskCell } from './cells';
import { mixpeekIcon } from './icon';
import { Recent } from './recent';
import { said } from './request';
import { dragHits, SearchTab } from './search';
import { CommandIDs, IWorkbench } from './tokens';

export const NO_ARGUMENTS = { args: { type: 'object' as const, properties: {} } };

/** What the commands act on. */
export interface IDesk {
  app: JupyterFrontEnd;
  workbench: IWorkbench;
  trans: ITrans;
  recent: Recent;
  tabs: WidgetTracker<SearchTab>;
}

/** Every command but that of the file browser, which is there only where one is. */
export function addCommands(desk: IDesk): void {
  const { app, workbench } = desk;
  const { commands } = app;
  addViews(desk);
  addCells(desk, new LastNotebook(app));
  addStack(desk);
  workbench.changed.connect(() => {
    commands.notifyCommandChanged(CommandIDs.start);
    commands.notifyCommandChanged(CommandIDs.insertTask);
  });
}

function addViews(desk: IDesk): void {
  const { app, trans } = desk;
  app.commands.addCommand(CommandIDs.openPanel, {
    label: trans.__('Show Mixpeek'),
    caption: trans.__('Tasks, collections and recent searches'),
    icon: mixpeekIcon,
    describedBy: NO_ARGUMENTS,
    execute: () => app.shell.activateById('mixpeek-panel')
  });
  app.commands.addCommand(CommandIDs.openSearch, {
    label: trans.__('Search and Browse Media'),
    caption: trans.__('Search and browse what was ingested'),
    icon: mixpeekIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          text: { type: ['string', 'null'], description: 'What to search for' },
          refine: { type: 'object', description: 'Kinds, buckets, labels and dates' }
        }
      }
    },
    execute: args => openSearch(desk, args)
  });
}

async function openSearch(desk: IDesk, args: ReadonlyPartialJSONObject): Promise<void> {
  const { app, tabs } = desk;
  const open = tabs.currentWidget;
  const shown = open && !open.isDisposed ? open : searchTab(desk);
  if (shown !== open) {
    void tabs.add(shown);
  }
  if (!shown.isAttached) {
    app.shell.add(shown, 'main');
  }
  app.shell.activateById(shown.id);
  if (shown !== open || args.text !== undefined || args.refine !== undefined) {
    const refine = (args.refine ?? WIDE) as unknown as IRefine;
    try {
      await shown.find((args.text as string | undefined) ?? null, refine);
    } catch (error) {
      Notification.error(said(error));
    }
  }
}

function searchTab({ app, workbench, trans, recent, tabs }: IDesk): SearchTab {
  const { commands } = app;
  const adapter: SearchAdapter = new SearchAdapter(workbench, (hit, event) =>
    dragHits(adapter.get(), hit, event)
  );
  const made = new SearchTab({ workbench, commands, trans, adapter });
  adapter.searched.connect((_, query) => {
    recent.add(query);
    void tabs.save(made);
  });
  adapter.onChange(whenSelected(adapter, commands));
  return made;
}

/** Buttons that need a selection look again when there is another one. */
function whenSelected(adapter: SearchAdapter, commands: CommandRegistry): () => void {
  let before = 0;
  return () => {
    const now = adapter.get().selected.length;
    if (now !== before) {
      before = now;
      commands.notifyCommandChanged(CommandIDs.insertHits);
    }
  };
}

function addCells(desk: IDesk, notebook: LastNotebook): void {
  const { app, workbench, trans, tabs } = desk;
  const insert = (source: string) => {
    if (!notebook.insert(source)) {
      Notification.info(trans.__('Open a notebook first: the cell goes into the one used last.'));
    }
  };
  app.commands.addCommand(CommandIDs.insertHits, {
    label: trans.__('Insert as Cell'),
    caption: trans.__('A cell in the notebook used last that shows the selected hits'),
    describedBy: NO_ARGUMENTS,
    isEnabled: () => (tabs.currentWidget?.chosen.hits.length ?? 0) > 0,
    execute: () => {
      const { query, hits } = tabs.currentWidget!.chosen;
      insert(hitsCell(query, hits));
    }
  });
  app.commands.addCommand(CommandIDs.insertTask, {
    label: trans.__('Insert a Cell that Follows the Newest Task'),
    describedBy: {
      args: { type: 'object', properties: { task_id: { type: 'string' } } }
    },
    isEnabled: () => workbench.tasks.length > 0,
    execute: args => {
      const task = workbench.tasks.find(each => each.task_id === args.task_id);
      insert(taskCell(task ?? workbench.tasks[0]));
    }
  });
}

function addStack({ app, workbench, trans }: IDesk): void {
  app.commands.addCommand(CommandIDs.refresh, {
    label: trans.__('Refresh Mixpeek'),
    caption: trans.__('Ask the workbench for everything anew'),
    icon: refreshIcon,
    describedBy: NO_ARGUMENTS,
    execute: () => workbench.refresh()
  });
  app.commands.addCommand(CommandIDs.start, {
    label: trans.__('Start the Mixpeek Stack'),
    describedBy: NO_ARGUMENTS,
    isEnabled: () => workbench.hello.state === 'down' && workbench.hello.can_start,
    execute: () => workbench.start()
  });
}
