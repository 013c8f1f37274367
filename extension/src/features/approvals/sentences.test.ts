import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { Check, Request } from '../../types';
import { byOutcome, change, outcome, passed, requestStatus, waiting } from './sentences';

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
