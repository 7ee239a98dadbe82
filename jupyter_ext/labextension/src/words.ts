import type { TranslationBundle } from '@jupyterlab/translation';

import { ITrans } from './adapters';

/** Stands in a translated text where an argument goes: no text has these characters. */
const mark = (place: number) => String.fromCharCode(place + 1);
const MARKS = /[\u0001-\u0009]/g;

/**
 * The translator as the shared views use it: `%1` is the first argument also where a count decides
 * between one and many. JupyterLab puts the bare count there, so the count that it gets is a number
 * that writes itself as a mark, and the arguments take the places of the marks afterwards.
 */
export function figured(bundle: TranslationBundle): ITrans {
  return {
    __: (text, ...args) => bundle.__(text, ...args),
    _n: (one, many, count, ...args) => {
      const marked = Object.assign(Object(count), { toString: () => mark(0) });
      const others = args.slice(1).map((_, index) => mark(index + 1));
      const text = bundle._n(one, many, marked, ...others);
      const given = args.length ? args : [count];
      return text.replace(MARKS, found => String(given[found.charCodeAt(0) - 1]));
    }
  };
}
