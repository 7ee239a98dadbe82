import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';

import { ITrans } from './adapters';
import { fileCount, fileSize } from './figures';
import { said } from './request';
import { IDryRun, IExtractor, IIngestForm, IWorkbench } from './tokens';

/** Milliseconds after the last change until the form asks what it would do. */
const PAUSE = 300;

interface IProps {
  workbench: IWorkbench;
  trans: ITrans;
  paths: string[];
  /** Told the form after each change. */
  changed: (form: IIngestForm) => void;
}

/** Ask for bucket and extractors; null when the person has changed their mind. */
export async function askForIngest(
  workbench: IWorkbench,
  trans: ITrans,
  paths: string[]
): Promise<IIngestForm | null> {
  let form: IIngestForm = { paths, bucket: null, extractors: null };
  const changed = (next: IIngestForm) => {
    form = next;
  };
  const result = await showDialog({
    title: trans.__('Ingest with Mixpeek'),
    body: new Body({ workbench, trans, paths, changed }),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Ingest') })
    ],
    focusNodeSelector: 'input'
  });
  return result.button.accept ? form : null;
}

class Body extends ReactWidget {
  constructor(private _props: IProps) {
    super();
    this.addClass('jp-MixpeekForm');
  }

  protected render(): JSX.Element {
    return <Form {...this._props} />;
  }
}

function Form({ workbench, trans, paths, changed }: IProps): JSX.Element {
  const [bucket, setBucket] = React.useState('');
  const [chosen, setChosen] = React.useState<string[] | null>(null);
  const [known, setKnown] = React.useState<IExtractor[]>([]);
  const [told, setTold] = React.useState(trans.__('Counting the files…'));
  const form = React.useMemo(
    () => ({ paths, bucket: bucket.trim() || null, extractors: chosen }),
    [paths, bucket, chosen]
  );
  React.useEffect(() => {
    workbench.extractors().then(setKnown, error => setTold(said(error)));
  }, [workbench]);
  React.useEffect(() => {
    changed(form);
    let over = false;
    const timer = window.setTimeout(() => {
      workbench.dryRun(form).then(
        runs => over || setTold(summary(runs, trans)),
        error => over || setTold(said(error))
      );
    }, PAUSE);
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }, [form, workbench, trans, changed]);
  const toggle = (name: string) => {
    const now = chosen ?? [];
    const next = now.includes(name) ? now.filter(n => n !== name) : [...now, name];
    setChosen(next.length ? next : null);
  };
  return (
    <>
      <p className="jp-MixpeekDim jp-MixpeekPaths">{paths.map(shownPath).join(', ')}</p>
      <label>
        {trans.__('Bucket')}
        <input
          className="jp-mod-styled"
          list="mixpeek-buckets"
          value={bucket}
          maxLength={100}
          placeholder={trans.__('named like the folder')}
          onChange={event => setBucket(event.target.value)}
        />
      </label>
      <datalist id="mixpeek-buckets">
        {workbench.buckets.map(each => (
          <option key={each.bucket_id} value={each.name} />
        ))}
      </datalist>
      <p role="status" className="jp-MixpeekTold">
        {told}
      </p>
      <fieldset>
        <legend>{trans.__('Extractors')}</legend>
        <label className="jp-MixpeekCheck">
          <input type="checkbox" checked={chosen === null} onChange={() => setChosen(null)} />
          <span>{trans.__('Those that fit the files')}</span>
        </label>
        {known.map(each => (
          <label key={each.name} className="jp-MixpeekCheck">
            <input
              type="checkbox"
              checked={chosen?.includes(each.name) ?? false}
              onChange={() => toggle(each.name)}
            />
            <span>
              {each.name} <span className="jp-MixpeekDim">{each.description}</span>
            </span>
          </label>
        ))}
      </fieldset>
    </>
  );
}

function shownPath(path: string): string {
  return path || '/';
}

/** What would happen, in a sentence or two. */
export function summary(runs: readonly IDryRun[], trans: ITrans): string {
  const files = runs.reduce((sum, run) => sum + run.files, 0);
  const bytes = runs.reduce((sum, run) => sum + run.bytes, 0);
  const unmatched = runs.reduce((sum, run) => sum + run.unmatched, 0);
  const counts = new Map<string, number>();
  for (const row of runs.flatMap(run => run.rows)) {
    if (row.extractor) {
      counts.set(row.extractor, (counts.get(row.extractor) ?? 0) + row.files);
    }
  }
  const buckets = [...new Set(runs.map(run => run.bucket))].join(', ');
  const by = [...counts].map(([name, count]) => `${name.split('@')[0]} ${count.toLocaleString()}`);
  const parts = [
    trans.__('%1, %2, into %3.', fileCount(trans, files), fileSize(bytes), buckets),
    by.length ? trans.__('By extractor: %1.', by.join(', ')) : '',
    unmatched
      ? trans._n(
          '%1 file is of a type that none of them takes.',
          '%1 files are of types that none of them takes.',
          unmatched,
          unmatched.toLocaleString()
        )
      : '',
    runs.every(run => run.complete) ? '' : trans.__('There are more; these are the first.')
  ];
  return parts.filter(Boolean).join(' ');
}
