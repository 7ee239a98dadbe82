import type { TranslationBundle } from '@jupyterlab/translation';

import { ITrans } from './adapters';

/**
 * The translator as the shared views use it: `%1` is the first argument also where a count decides
 * between one and many. JupyterLab puts the bare count there, which has no separators.
 */
export function figured(bundle: TranslationBundle): ITrans {
  return {
    __: (text, ...args) => bundle.__(text, ...args),
    _n: (one, many, count, ...args) => {
      const text = bundle._n(one, many, count, ...args.slice(1));
      return args.length ? text.replace(String(count), String(args[0])) : text;
    }
  };
}
