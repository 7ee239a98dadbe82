import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  Notification,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addCommands } from './commands';
import { mixpeekIcon } from './icon';
import { askForIngest } from './ingest';
import { Notify, tell } from './notify';
import { WorkbenchPanel } from './panel';
import { Recent } from './recent';
import { said } from './request';
import { RunningTasks } from './running';
import { SearchTab } from './search';
import { going, StatusItem } from './status';
import { CommandIDs, IWorkbench, NAMESPACE } from './tokens';
import { figured } from './words';
import { Workbench } from './workbench';

const SETTINGS = `${NAMESPACE}:plugin`;

function translated(translator: ITranslator | null) {
  return figured((translator ?? nullTranslator).load('mixpeek_lab'));
}

/** The workbench itself: everything else is a view of it. */
const model: JupyterFrontEndPlugin<IWorkbench> = {
  id: `${NAMESPACE}:model`,
  description: 'The state of the Mixpeek workbench, kept current by events.',
  autoStart: true,
  provides: IWorkbench,
  activate: (app: JupyterFrontEnd) => {
    const workbench = new Workbench(app.serviceManager);
    void Promise.all([app.restored, app.serviceManager.ready]).then(() => workbench.refresh());
    // A page that slept has missed events.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') {
        void workbench.refresh();
      }
    });
    return workbench;
  }
};

/** Panel, search tab, and the commands that every other part refers to. */
const views: JupyterFrontEndPlugin<void> = {
  id: SETTINGS,
  description: 'Side panel and search tab of the Mixpeek workbench, with their commands.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [
    ITranslator,
    ILayoutRestorer,
    ICommandPalette,
    ILauncher,
    ISettingRegistry,
    IStateDB
  ],
  activate: (
    app: JupyterFrontEnd,
    workbench: IWorkbench,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    settings: ISettingRegistry | null,
    state: IStateDB | null
  ) => {
    const trans = translated(translator);
    const { commands, shell } = app;
    const recent = new Recent(state);
    const tabs = new WidgetTracker<SearchTab>({ namespace: 'mixpeek-search' });
    addCommands({ app, workbench, trans, recent, tabs });
    const category = 'Mixpeek';
    [
      CommandIDs.openPanel,
      CommandIDs.openSearch,
      CommandIDs.start,
      CommandIDs.refresh,
      CommandIDs.insertHits,
      CommandIDs.insertTask
    ].forEach(command => palette?.addItem({ command, category }));
    launcher?.add({ command: CommandIDs.openSearch, category: trans.__('Other'), rank: 50 });

    const panel = new WorkbenchPanel({ workbench, recent, commands, trans });
    shell.add(panel, 'left', { rank: 600, type: 'Mixpeek' });
    restorer?.add(panel, panel.id);
    void restorer?.restore(tabs, {
      command: CommandIDs.openSearch,
      args: made => made.looksFor,
      name: () => 'search'
    });
    void settings?.load(SETTINGS).then(loaded => {
      const update = () => {
        recent.limit = loaded.get('recentSearches').composite as number;
      };
      loaded.changed.connect(update);
      update();
    });
  }
};

/** The file browser's files and folders, into the workbench. */
const ingest: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:ingest`,
  description: 'Ingests files and folders from the file browser.',
  autoStart: true,
  requires: [IWorkbench, IFileBrowserFactory],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    workbench: IWorkbench,
    browsers: IFileBrowserFactory,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = translated(translator);
    const { commands, serviceManager } = app;
    const selected = (): string[] => {
      const browser = browsers.tracker.currentWidget;
      const items = [...(browser?.selectedItems() ?? [])].map(item => item.path);
      const paths = items.length || !browser ? items : [browser.model.path];
      return paths.map(path => serviceManager.contents.localPath(path));
    };
    const offer = () =>
      Notification.warning(trans.__('The workbench is not running.'), {
        actions: [
          { label: trans.__('Start it'), callback: () => void commands.execute(CommandIDs.start) }
        ]
      });
    commands.addCommand(CommandIDs.ingest, {
      label: trans.__('Ingest with Mixpeek…'),
      caption: trans.__('Make these files searchable'),
      icon: mixpeekIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: { paths: { type: 'array', items: { type: 'string' } } }
        }
      },
      execute: async args => {
        const paths = (args.paths as string[] | undefined) ?? selected();
        if (!workbench.loaded) {
          offer();
          return;
        }
        const form = await askForIngest(workbench, trans, paths);
        if (!form) {
          return;
        }
        try {
          const results = await workbench.ingest(form);
          results
            .filter(result => result.error)
            .forEach(result => Notification.error(`${result.path}: ${result.error}`));
          await commands.execute(CommandIDs.openPanel);
        } catch (error) {
          Notification.error(trans.__('Nothing was ingested: %1', said(error)));
        }
      }
    });
    palette?.addItem({ command: CommandIDs.ingest, category: 'Mixpeek' });
  }
};

/** What shows tasks outside of our own panel: status bar, notifications, the panel of what runs. */
const companions: JupyterFrontEndPlugin<void> = {
  id: `${NAMESPACE}:companions`,
  description: 'Status item, notifications and running tasks of the Mixpeek workbench.',
  autoStart: true,
  requires: [IWorkbench],
  optional: [ITranslator, IStatusBar, IRunningSessionManagers, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    workbench: IWorkbench,
    translator: ITranslator | null,
    statusBar: IStatusBar | null,
    running: IRunningSessionManagers | null,
    settings: ISettingRegistry | null
  ) => {
    const trans = translated(translator);
    const open = () => void app.commands.execute(CommandIDs.openPanel);
    let showStatus = true;
    let notify: Notify = 'all';
    workbench.ended.connect((_, task) => tell(task, notify, trans, open));
    running?.add(new RunningTasks(workbench, trans, open));
    const changed = workbench.changed;
    statusBar?.registerStatusItem(`${NAMESPACE}:status`, {
      item: new StatusItem(workbench, trans, open),
      align: 'left',
      rank: 50,
      isActive: () =>
        showStatus && (going(workbench).length > 0 || workbench.hello.state === 'starting'),
      activeStateChanged: changed
    });
    void settings?.load(SETTINGS).then(loaded => {
      const update = () => {
        showStatus = loaded.get('showStatus').composite as boolean;
        notify = loaded.get('notifications').composite as Notify;
      };
      loaded.changed.connect(update);
      update();
    });
  }
};

export { IWorkbench } from './tokens';
export default [model, views, ingest, companions];
