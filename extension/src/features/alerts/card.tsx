import React from 'react';

import { useDeed, useDesk } from '../../desk';
import { Action, Actions, Problem } from '../../parts/action';
import { Comment } from '../../parts/comment';
import { CopyLine } from '../../parts/copy';
import { Age, Chip, Name } from '../../parts/marks';
import { Sentence } from '../../parts/sentence';
import type { AlertCause, AlertRow, Alerts } from '../../types';
import { likelihood, timesFound } from './sentences';

/** What was found, since when, what may be behind it, and the button that says it was seen. */
export function AlertCard(props: { alert: AlertRow }): JSX.Element {
  const { insert, tell } = useDesk();
  const { alert } = props;
  return (
    <article className="jp-mlops-card">
      <p>{alert.because}</p>
      <p className="jp-mlops-quiet">
        <Chip>{alert.version}</Chip> {tell('since')} <Age at={alert.since} />
        {' · '}
        {timesFound(alert, tell)}
      </p>
      <Causes causes={alert.causes} />
      {alert.state === 'acknowledged' && <Seen alert={alert} />}
      {alert.state === 'open' && <Acknowledge alert={alert} />}
      <Actions>
        <Action
          label={tell('Look into it')}
          title={alert.next}
          onClick={() => void insert(alert.next)}
        />
      </Actions>
    </article>
  );
}

function Causes(props: { causes: readonly AlertCause[] }): JSX.Element {
  const { tell } = useDesk();
  return (
    <details className="jp-mlops-evidence jp-mlops-causes" open>
      <summary>{tell('What may be behind it')}</summary>
      <ul>
        {props.causes.map(cause => (
          <li key={cause.why}>
            <span>{likelihood(cause.likelihood, tell)}</span>
            <span>
              {cause.because}
              {cause.next.map(line => (
                <CopyLine key={line} line={line} />
              ))}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Seen(props: { alert: AlertRow }): JSX.Element {
  const { tell } = useDesk();
  const { alert } = props;
  return (
    <div className="jp-mlops-decided">
      <Sentence
        template={tell('Seen by {who} {when}')}
        parts={{
          who: <Name>{alert.acknowledged_by}</Name>,
          when: <Age at={alert.acknowledged_at} />
        }}
      />
      {alert.comment && <span className="jp-mlops-comment">{alert.comment}</span>}
    </div>
  );
}

function Acknowledge(props: { alert: AlertRow }): JSX.Element {
  const { api, tell } = useDesk();
  const { alert } = props;
  const [comment, setComment] = React.useState('');
  const [course, begin] = useDeed<Alerts>();
  return (
    <div className="jp-mlops-decide">
      <Comment value={comment} onChange={setComment} />
      <Actions>
        <Action
          label={tell('Acknowledge')}
          kind="accept"
          disabled={course.busy}
          onClick={() => begin(() => api.say('acknowledge', { alert: [alert.id], comment }))}
        />
      </Actions>
      {course.problem && <Problem problem={course.problem} />}
    </div>
  );
}
