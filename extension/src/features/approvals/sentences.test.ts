import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { Check, Comment, Contest, Decision, Request } from '../../types';
import {
  against,
  byOutcome,
  change,
  fair,
  isOver,
  outcome,
  passed,
  requestStatus,
  spoken,
  stateWord,
  waiting
} from './sentences';

const tell = teller('en');

function check(name: string, outcome: Check['outcome']): Check {
  return { check: name, title: name, outcome, figure: '', because: '' } as Check;
}

function request(id: number, facts: Partial<Request> = {}): Request {
  return {
    id,
    kind: 'version',
    ref: `churn:${id}`,
    deployment: 'churn-prod',
    replaces: null,
    state: 'open',
    needs: 'one approval',
    checks: [],
    decisions: [],
    comments: [],
    ...facts
  } as Request;
}

test('what waits is open requests, oldest first, then approved ones', () => {
  const rows = [
    request(4, { state: 'approved' }),
    request(3),
    request(2, { state: 'rejected' }),
    request(1)
  ];
  assert.deepEqual(
    waiting(rows, null).map(row => row.id),
    [1, 3, 4]
  );
});

test('a request that somebody has open stays in sight when it is decided', () => {
  const rows = [request(2, { state: 'rejected' }), request(1)];
  assert.deepEqual(
    waiting(rows, '2').map(row => row.id),
    [1, 2]
  );
});

test('a failed check is seen before the decision', () => {
  assert.equal(requestStatus(request(1)), 'warning');
  assert.equal(requestStatus(request(1, { checks: [check('a', 'failed')] })), 'failing');
  assert.equal(requestStatus(request(1, { state: 'approved' })), 'passing');
  assert.equal(requestStatus(request(1, { state: 'expired' })), 'unknown');
});

test('checks that do not apply are not counted, and stand last', () => {
  const checks = [check('a', 'not applicable'), check('b', 'passed'), check('c', 'failed')];
  assert.deepEqual(passed(checks), { passed: 1, of: 2 });
  assert.deepEqual(
    byOutcome(checks).map(row => row.check),
    ['c', 'b', 'a']
  );
});

test('a replacement names what it replaces', () => {
  assert.match(change(request(2), tell), /first champion/);
  assert.match(change(request(2, { replaces: 'churn:1' }), tell), /replace \{replaces\}/);
});

test('a decision that is not enough says what is still needed', () => {
  assert.match(outcome(request(1), tell), /Still needed: one approval/);
  assert.match(outcome(request(1, { state: 'approved' }), tell), /may be deployed to churn-prod/);
});

test('a change of what holds here is told as one, never as a version', () => {
  const facts = { kind: 'rules', ref: 'rules:shop', deployment: 'shop' };
  assert.equal(change(request(1, facts), tell), '{ref} would be changed so:');
  const done = request(1, { ...facts, state: 'carried out' });
  assert.equal(change(done, tell), '{ref} was changed as it was asked.');
});

const comment = (kind: Comment['kind'], at: string, text = ''): Comment =>
  ({ kind, at, text, by: { id: 'bob' } }) as Comment;

test('what waits for changes stands between what is open and what is approved', () => {
  const rows = [
    request(1, { state: 'approved' }),
    request(2, { state: 'changes asked' }),
    request(3),
    request(4, { state: 'withdrawn' }),
    request(5, { state: 'superseded' })
  ];
  assert.deepEqual(
    waiting(rows, '4').map(row => row.id),
    [3, 2, 1, 4]
  );
  assert.equal(requestStatus(rows[1]), 'warning');
  assert.deepEqual(rows.map(isOver), [false, false, false, true, true]);
  assert.deepEqual(
    rows.slice(3).map(row => [requestStatus(row), stateWord(row, tell)]),
    [
      ['unknown', 'withdrawn'],
      ['unknown', 'superseded by a newer version']
    ]
  );
});

test('comments and decisions stand in the order in which they were said', () => {
  const decision = { outcome: 'approved', at: '2', comment: 'yes', withdrawn_at: '4' };
  const row = request(1, {
    decisions: [decision as Decision],
    comments: [comment('comment', '1', 'why?'), comment('withdrawal', '4')]
  });
  assert.deepEqual(
    spoken(row).map(said => [said.kind, said.text, said.withdrawnAt]),
    [
      ['comment', 'why?', ''],
      ['approved', 'yes', '4'],
      ['withdrawal', '', '']
    ]
  );
});

test('a comment is no decision, and what came of a withdrawal is said as it is', () => {
  const asked = request(1, { state: 'changes asked', comments: [comment('changes', '1')] });
  assert.equal(outcome(asked, tell), 'changes are asked for');
  const said = request(1, { comments: [comment('comment', '1')] });
  assert.equal(outcome(said, tell), 'Said · waits for a decision');
  const gone = { state: 'void', comments: [comment('withdrawal', '1')] } as const;
  assert.match(outcome(request(1, { ...gone, comments: [...gone.comments] }), tell), /Withdrawn/);
  const back = request(1, { state: 'void', because: 'shop is back at churn:1.' });
  assert.equal(outcome(back, tell), 'shop is back at churn:1.');
});

test('against the champion: the figures, where they are from, and what is proven', () => {
  const contest: Contest = {
    ref: 'churn:1',
    metric: 'roc_auc',
    measured: 'same rows',
    champion: { value: 0.9, low: 0.88, high: 0.92 },
    version: null,
    verdict: 'not proven',
    differences: 3
  };
  assert.equal(
    against(contest, tell),
    'On the same rows: AUC –, churn:1 has 0.900 ± 0.02. No difference is proven.'
  );
  assert.match(
    against({ ...contest, measured: 'registered', verdict: 'unknown' }, tell),
    /^As reg/
  );
});

test('a group that is treated otherwise is told with its share', () => {
  const row = { attribute: 'sex', group: 'f', measure: 'proportional_parity', ratio: 0.751 };
  assert.equal(fair(row, tell), 'sex = f: proportional parity 75.1%');
});
