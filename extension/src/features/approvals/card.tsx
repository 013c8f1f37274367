import React from 'react';

import { useDeed, useDesk } from '../../desk';
import { Action, Actions, Problem } from '../../parts/action';
import { Age, Chip, Name, PersonMark } from '../../parts/marks';
import { Sentence } from '../../parts/sentence';
import type { Check, Request, Rollout } from '../../types';
import { VersionParts } from '../versions/parts';
import { History, SinceYouLooked } from './history';
import { Say } from './say';
import {
  against,
  byOutcome,
  change,
  fair,
  isOfVersion,
  isOver,
  isUndecided,
  outcomeWord,
  passed,
  stateWord
} from './sentences';

const MARKS: Readonly<Record<Check['outcome'], [string, string]>> = {
  passed: ['●', 'passing'],
  failed: ['■', 'failing'],
  'not applicable': ['○', 'unknown']
};

/** What would change, why, on what evidence, what was said of it, and the buttons. */
export function RequestCard(props: { request: Request }): JSX.Element {
  const { request } = props;
  const { tell } = useDesk();
  return (
    <article className="jp-mlops-card">
      <Sentence
        template={change(request, tell)}
        parts={{
          ref: <Chip>{request.ref}</Chip>,
          replaces: <Chip>{request.replaces ?? ''}</Chip>,
          deployment: <Name>{request.deployment}</Name>
        }}
      />
      {request.proposal && <pre className="jp-mlops-reason">{request.proposal}</pre>}
      {isOver(request) && <p className="jp-mlops-quiet">{stateWord(request, tell)}</p>}
      {request.reason && <blockquote className="jp-mlops-reason">{request.reason}</blockquote>}
      <p className="jp-mlops-quiet">
        {tell('Asked by')} <PersonMark person={request.requested_by} />{' '}
        <Age at={request.requested_at} />
      </p>
      <SinceYouLooked sentences={request.since_you_looked} />
      {isOfVersion(request) && <Evidence checks={request.checks} />}
      {isOfVersion(request) && <Contested request={request} />}
      {isOfVersion(request) && <VersionParts reference={request.ref} replaces={request.replaces} />}
      {request.state === 'open' && (
        <p className="jp-mlops-quiet">{tell('Needed: {needs}', { needs: request.needs })}</p>
      )}
      {request.apply && isUndecided(request) && (
        <p className="jp-mlops-quiet">{tell('It is deployed as soon as it is approved.')}</p>
      )}
      <History request={request} />
      {request.state === 'approved' && isOfVersion(request) && <Deploy request={request} />}
      <Say request={request} />
    </article>
  );
}

/** How the version did against the champion of that moment, and how fair it was to protected groups. */
function Contested(props: { request: Request }): JSX.Element | null {
  const { tell } = useDesk();
  const { contest, fairness } = props.request.evidence;
  if (!contest && !fairness.length) {
    return null;
  }
  return (
    <ul className="jp-mlops-quiet jp-mlops-contest">
      {contest && <li>{against(contest, tell)}</li>}
      {fairness.map(row => (
        <li key={`${row.measure}:${row.attribute}:${row.group}`}>{fair(row, tell)}</li>
      ))}
    </ul>
  );
}

function Evidence(props: { checks: readonly Check[] }): JSX.Element {
  const { tell } = useDesk();
  const count = passed(props.checks);
  return (
    <details className="jp-mlops-evidence" open={count.passed < count.of}>
      <summary>{tell('{passed} of {of} release checks passed', count)}</summary>
      <ul>
        {byOutcome(props.checks).map(check => (
          <li key={check.check}>
            <span className={`jp-mlops-status jp-mod-${MARKS[check.outcome][1]}`} aria-hidden>
              {MARKS[check.outcome][0]}
            </span>
            <span>
              {check.title}
              <small>
                {[outcomeWord(check, tell), check.figure, check.because]
                  .filter(Boolean)
                  .join(' · ')}
              </small>
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Deploy(props: { request: Request }): JSX.Element {
  const { api, tell } = useDesk();
  const { request } = props;
  const [course, begin] = useDeed<Rollout>();
  return (
    <div className="jp-mlops-decide">
      <Actions>
        <Action
          label={course.busy ? tell('Deploying …') : tell('Deploy')}
          kind="accept"
          disabled={course.busy}
          onClick={() =>
            begin(() =>
              api.say('deploy', {
                ref: request.ref,
                to: request.deployment,
                role: request.role || 'champion'
              })
            )
          }
        />
      </Actions>
      {course.problem && <Problem problem={course.problem} />}
    </div>
  );
}
