import React from 'react';

import { useDesk } from '../../desk';
import { Age, PersonMark } from '../../parts/marks';
import type { Request } from '../../types';
import { Said, saidWord, spoken } from './sentences';

/** What is new to the reader since their own last word about the deployment. */
export function SinceYouLooked(props: { sentences: readonly string[] }): JSX.Element | null {
  const { tell } = useDesk();
  if (!props.sentences.length) {
    return null;
  }
  return (
    <section className="jp-mlops-since" aria-label={tell('Since your last word')}>
      <p>{tell('Since your last word')}</p>
      <ul>
        {props.sentences.map(sentence => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </section>
  );
}

/** Everything that was said and decided of a request, in its order. */
export function History(props: { request: Request }): JSX.Element {
  return (
    <>
      {spoken(props.request).map((said, i) => (
        <Line key={`${said.at}:${i}`} said={said} />
      ))}
    </>
  );
}

function Line(props: { said: Said }): JSX.Element {
  const { tell } = useDesk();
  const { said } = props;
  return (
    <p className={`jp-mlops-decided${said.withdrawnAt ? ' jp-mod-withdrawn' : ''}`}>
      {saidWord(said.kind, tell)} · <PersonMark person={said.by} /> <Age at={said.at} />
      {said.withdrawnAt && (
        <>
          {' · '}
          {tell('withdrawn')} <Age at={said.withdrawnAt} />
        </>
      )}
      {said.text && <span className="jp-mlops-comment">{said.text}</span>}
    </p>
  );
}
