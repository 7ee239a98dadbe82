import { UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { ITrans } from './adapters';
import { said } from './request';
import { IHello, IWorkbench } from './tokens';

interface IProps {
  workbench: IWorkbench;
  trans: ITrans;
}

/** What a person should know of the stack, and the button that helps; the parts when all is well. */
export function StackNotice(props: IProps): JSX.Element {
  return (
    <UseSignal signal={props.workbench.changed}>{() => <Notice {...props} />}</UseSignal>
  );
}

function Notice({ workbench, trans }: IProps): JSX.Element {
  const [problem, setProblem] = React.useState<string | null>(null);
  const { hello } = workbench;
  const start = () => {
    setProblem(null);
    workbench.start().catch(error => setProblem(said(error)));
  };
  const text = sentence(hello, trans);
  const note = problem ?? hello.note;
  return (
    <div className="jp-MixpeekStack" data-state={hello.state} role="status">
      {text && <p>{text}</p>}
      {note && hello.state !== 'ok' && <p className="jp-MixpeekDim">{note}</p>}
      {hello.state === 'down' && hello.can_start && (
        <button className="jp-MixpeekButton" onClick={start}>
          {trans.__('Start it')}
        </button>
      )}
      {hello.state === 'starting' && <progress aria-label={trans.__('Starting')} />}
      {(hello.state === 'ok' || hello.state === 'degraded') && (
        <ul className="jp-MixpeekParts" aria-label={trans.__('Parts of the stack')}>
          {Object.entries(hello.parts).map(([name, part]) => (
            <li key={name} title={part.detail || part.state} data-state={part.state}>
              {part.detail ? trans.__('%1: %2', name, part.detail) : name}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function sentence(hello: IHello, trans: ITrans): string | null {
  switch (hello.state) {
    case 'missing':
      return trans.__(
        'This Jupyter server runs without Mixpeek’s server extension. Install mixpeek-workbench[lab] in its environment and start it again.'
      );
    case 'down':
      return hello.can_start
        ? trans.__('The workbench is not running.')
        : trans.__('The service does not answer. Who runs it can start it.');
    case 'starting':
      return trans.__('The workbench is starting. The first time takes up to a minute.');
    case 'degraded':
      return trans.__('A part of the stack is not well.');
    default:
      return null;
  }
}
