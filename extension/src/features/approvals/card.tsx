import React from 'react';

import { useDeed, useDesk } from '../../desk';
import { Action, Actions, Problem } from '../../parts/action';
import { Comment } from '../../parts/comment';
import { Age, Chip, Name, PersonMark } from '../../parts/marks';
import { Sentence } from '../../parts/sentence';
import type { Check, Decision, Request, Rollout } from '../../types';
import { VersionParts } from '../versions/parts';
import { byOutcome, change, isOfVersion, outcome, outcomeWord, passed } from './sentences';

const MARKS: Readonly<Record<Check['outcome'], [string, string]>> = {
  passed: ['●', 'passing'],
  failed: ['■', 'failing'],
  'not applicable': ['○', 'unknown']
};

/** What would change, why, on what evidence, and the two buttons. */
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
      {request.reason && <blockquote className="jp-mlops-reason">{request.reason}</blockquote>}
      <p className="jp-mlops-quiet">
        {tell('Asked by')} <PersonMark person={request.requested_by} />{' '}
        <Age at={request.requested_at} />
      </p>
      {isOfVersion(request) && <Evidence checks={request.checks} />}
      {isOfVersion(request) && <VersionParts reference={request.ref} replaces={request.replaces} />}
      {request.state === 'open' && (
        <p className="jp-mlops-quiet">{tell('Needed: {needs}', { needs: request.needs })}</p>
      )}
      {request.decisions.map(decision => (
        <Decided key={decision.at} decision={decision} />
      ))}
      {request.state === 'open' && <Decide request={request} />}
      {request.state === 'approved' && isOfVersion(request) && <Deploy request={request} />}
    </article>
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

function Decided(props: { decision: Decision }): JSX.Element {
  const { tell } = useDesk();
  const { decision } = props;
  return (
    <p className="jp-mlops-decided">
      {decision.outcome === 'approved' ? tell('Approved') : tell('Rejected')}{' '}
      <PersonMark person={decision.by} /> <Age at={decision.at} />
      {decision.comment && <span className="jp-mlops-comment">{decision.comment}</span>}
    </p>
  );
}

function Decide(props: { request: Request }): JSX.Element {
  const { api, live, tell } = useDesk();
  const { request } = props;
  const [comment, setComment] = React.useState('');
  const [course, begin] = useDeed<Request>();
  const decide = (verb: 'approve' | 'reject'): void =>
    begin(async () => {
      const answer = await api.say(verb, { request: request.id, comment });
      live.receive(answer);
      return answer;
    });
  return (
    <div className="jp-mlops-decide">
      <Comment value={comment} onChange={setComment} />
      <p className="jp-mlops-quiet">
        {tell('Your decision will be labelled: {label}', { label: request.label })}
      </p>
      <Actions>
        <Action
          label={tell('Approve')}
          kind="accept"
          disabled={course.busy}
          onClick={() => decide('approve')}
        />
        <Action
          label={tell('Reject')}
          kind="warn"
          disabled={course.busy}
          onClick={() => decide('reject')}
        />
      </Actions>
      {course.answer && <p role="status">{outcome(course.answer, tell)}</p>}
      {course.problem && <Problem problem={course.problem} />}
    </div>
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
              api.say('deploy', { ref: request.ref, to: request.deployment, role: request.role })
            )
          }
        />
      </Actions>
      {course.problem && <Problem problem={course.problem} />}
    </div>
  );
}
