import React from 'react';

import { useDeed, useDesk } from '../../desk';
import { Action, Actions, Problem } from '../../parts/action';
import { Comment } from '../../parts/comment';
import type { Request } from '../../types';
import { isUndecided, outcome } from './sentences';

/** The field for one's words, and what can be done with them: decide, comment, hold up, take back. */
export function Say(props: { request: Request }): JSX.Element {
  const { live, tell } = useDesk();
  const { request } = props;
  const [text, setText] = React.useState('');
  const [course, begin] = useDeed<Request>();
  const say = (deed: () => Promise<Request>): void =>
    begin(async () => {
      const answer = await deed();
      live.receive(answer);
      setText('');
      return answer;
    });
  return (
    <div className="jp-mlops-decide">
      <Comment value={text} onChange={setText} />
      {isUndecided(request) && (
        <Decide request={request} text={text} busy={course.busy} say={say} />
      )}
      <Speak request={request} text={text} busy={course.busy} say={say} />
      {course.answer && <p role="status">{outcome(course.answer, tell)}</p>}
      {course.problem && <Problem problem={course.problem} />}
    </div>
  );
}

interface Words {
  request: Request;
  text: string;
  busy: boolean;
  say: (deed: () => Promise<Request>) => void;
}

function Decide(props: Words): JSX.Element {
  const { api, tell } = useDesk();
  const { request, text, busy, say } = props;
  const decide = (verb: 'approve' | 'reject'): void =>
    say(() => api.say(verb, { request: request.id, comment: text }));
  return (
    <>
      <p className="jp-mlops-quiet">
        {tell('Your decision will be labelled: {label}', { label: request.label })}
      </p>
      <Actions>
        <Action
          label={tell('Approve')}
          kind="accept"
          disabled={busy}
          onClick={() => decide('approve')}
        />
        <Action
          label={tell('Reject')}
          kind="warn"
          disabled={busy}
          onClick={() => decide('reject')}
        />
      </Actions>
    </>
  );
}

/** What is no decision: each of the first three needs words. */
function Speak(props: Words): JSX.Element {
  const { api, tell } = useDesk();
  const { request, text, busy, say } = props;
  const silent = busy || !text.trim();
  const speak = (more: { changes?: boolean; settled?: boolean }): void =>
    say(() => api.say('comment', { request: request.id, text, ...more }));
  const waits = isUndecided(request) || request.state === 'approved';
  return (
    <Actions>
      <Action label={tell('Add comment')} disabled={silent} onClick={() => speak({})} />
      {waits && !request.yours.includes('settle') && (
        <Action
          label={tell('Ask for changes')}
          disabled={silent}
          onClick={() => speak({ changes: true })}
        />
      )}
      {request.yours.includes('settle') && (
        <Action
          label={tell('Changes settled')}
          disabled={silent}
          onClick={() => speak({ settled: true })}
        />
      )}
      {request.yours.includes('withdraw') && (
        <Withdraw request={request} text={text} busy={busy} say={say} />
      )}
    </Actions>
  );
}

/** Taking back takes two clicks: the second says what it does. */
function Withdraw(props: Words): JSX.Element {
  const { api, tell } = useDesk();
  const { request, text, busy, say } = props;
  const [sure, setSure] = React.useState(false);
  if (!sure) {
    return <Action label={tell('Withdraw …')} disabled={busy} onClick={() => setSure(true)} />;
  }
  return (
    <>
      <Action
        label={
          request.state === 'carried out' ? tell('Withdraw my approval') : tell('Withdraw for good')
        }
        kind="warn"
        disabled={busy}
        onClick={() => {
          setSure(false);
          say(() => api.say('withdraw', { request: request.id, comment: text }));
        }}
      />
      <Action label={tell('Keep')} disabled={busy} onClick={() => setSure(false)} />
    </>
  );
}
