import React from 'react';

import { useDesk } from '../../desk';
import { Few } from '../../parts/fold';
import type { CodeChange } from '../../types';
import { lineLook } from './sentences';

const MOST_LINES = 60;

/** How the cells differ that registered the versions, line by line. */
export function Code(props: { code: readonly CodeChange[] }): JSX.Element {
  const { tell } = useDesk();
  return (
    <>
      {props.code.map(one => (
        <div key={one.ref}>
          <p className="jp-mlops-quiet">{one.because}</p>
          {one.lines.length > 0 && (
            <Few items={one.lines} most={MOST_LINES} more={n => tell('{n} more lines', { n })}>
              {shown => <Lines lines={shown} label={one.because} />}
            </Few>
          )}
        </div>
      ))}
    </>
  );
}

function Lines(props: { lines: readonly string[]; label: string }): JSX.Element {
  return (
    <pre className="jp-mlops-code" tabIndex={0} aria-label={props.label}>
      {props.lines.map((line, i) => (
        <span key={i} className={`jp-mod-${lineLook(line)}`}>
          {line || ' '}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}
