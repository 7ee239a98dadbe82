import { CommandToolbarButton, ReactWidget } from '@jupyterlab/ui-components';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Message } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';
import { mountResults } from '../../ui/results.js';
import * as React from 'react';

import { IHit, IRefine, IResultsState, ITrans, SearchAdapter } from './adapters';
import { dragCell, hitsCell } from './cells';
import { mixpeekIcon } from './icon';
import { StackNotice } from './stack';
import { CommandIDs, IWorkbench } from './tokens';

interface IOptions {
  workbench: IWorkbench;
  commands: CommandRegistry;
  trans: ITrans;
  adapter: SearchAdapter;
}

/** The main-area tab that searches and browses, with the results of notebooks. */
export class SearchTab extends MainAreaWidget<Panel> {
  constructor(options: IOptions) {
    super({ content: new Panel() });
    const { workbench, commands, trans, adapter } = options;
    this.id = 'mixpeek-search';
    this.title.label = trans.__('Search');
    this.title.caption = trans.__('Search and browse what was ingested');
    this.title.icon = mixpeekIcon;
    this.title.closable = true;
    this.addClass('jp-MixpeekSearch');
    this.toolbar.addItem(
      'insert',
      new CommandToolbarButton({ commands, id: CommandIDs.insertHits })
    );
    this.content.addWidget(
      ReactWidget.create(<StackNotice workbench={workbench} trans={trans} />)
    );
    this.content.addWidget(new ResultsView(adapter, trans));
    this.adapter = adapter;
    this._workbench = workbench;
    workbench.changed.connect(() => void this._look().catch(error => console.warn(error)), this);
  }

  readonly adapter: SearchAdapter;

  /** Show what is looked for, as soon as the service answers; nothing looked for is all there is. */
  async find(text: string | null, refine: IRefine): Promise<void> {
    this._wanted = { text, refine };
    await this._look();
  }

  /** What brings this tab back as it is. */
  get looksFor(): ReadonlyPartialJSONObject {
    const { query, refine } = this.adapter.get();
    return { text: query, refine: { ...refine } };
  }

  get chosen(): { query: string | null; hits: IHit[] } {
    return chosen(this.adapter.get());
  }

  private async _look(): Promise<void> {
    const wanted = this._wanted;
    if (wanted && this._workbench.loaded) {
      this._wanted = null;
      await this.adapter.search(wanted);
    }
  }

  private _workbench: IWorkbench;
  private _wanted: { text: string | null; refine: IRefine } | null = null;
}

export function chosen(state: IResultsState): { query: string | null; hits: IHit[] } {
  const ids = new Set(state.selected);
  return { query: state.query, hits: state.hits.filter(hit => ids.has(hit.document_id)) };
}

/** The drag of a hit takes the selection along where the hit is of it. */
export function dragHits(state: IResultsState, hit: IHit, event: DragEvent): void {
  const { query, hits } = chosen(state);
  const taken = hits.includes(hit) ? hits : [hit];
  const label = taken.length > 1 ? `${taken.length} × ${hit.object_name}` : hit.object_name;
  dragCell(hitsCell(query, taken), label, event);
}

class ResultsView extends Widget {
  constructor(
    private _adapter: SearchAdapter,
    private _trans: ITrans
  ) {
    super();
    this.addClass('jp-MixpeekResults');
  }

  protected onAfterAttach(_: Message): void {
    this._unmount = mountResults(this.node, this._adapter, {
      height: 'fill',
      searchBox: true,
      trans: this._trans
    });
  }

  protected onBeforeDetach(_: Message): void {
    this._unmount?.();
    this._unmount = null;
  }

  protected onActivateRequest(_: Message): void {
    this.node.querySelector('input')?.focus();
  }

  private _unmount: (() => void) | null = null;
}
