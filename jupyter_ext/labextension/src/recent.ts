import { IStateDB } from '@jupyterlab/statedb';
import { PartialJSONValue } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import { IRefine } from './adapters';
import { NAMESPACE } from './tokens';

export interface IRecent {
  text: string;
  refine: IRefine;
}

const KEY = `${NAMESPACE}:recent-searches`;

/** The searches made in this workspace's tab, the newest first, without doubles. */
export class Recent {
  constructor(private _state: IStateDB | null) {
    void this._restore();
  }

  readonly changed = new Signal<this, void>(this);

  /** How many are kept. */
  set limit(limit: number) {
    this._limit = limit;
    this._keep(this._items);
  }

  get items(): readonly IRecent[] {
    return this._items;
  }

  add(made: { text: string | null; refine: IRefine }): void {
    const { text, refine } = made;
    if (text) {
      const others = this._items.filter(each => each.text !== text);
      this._keep([{ text, refine }, ...others]);
      void this._state?.save(KEY, this._items as unknown as PartialJSONValue);
    }
  }

  private _keep(items: IRecent[]): void {
    this._items = items.slice(0, this._limit);
    this.changed.emit();
  }

  private async _restore(): Promise<void> {
    const found = await this._state?.fetch(KEY);
    if (Array.isArray(found) && this._items.length === 0) {
      this._keep(found as unknown as IRecent[]);
    }
  }

  private _items: IRecent[] = [];
  private _limit = 10;
}
