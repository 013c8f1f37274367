import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { AlertRow } from '../../types';
import { alertState, alertStatus, likelihood, severityWord, timesFound } from './sentences';

const tell = teller('en');

function alert(facts: Partial<AlertRow> = {}): AlertRow {
  return { id: 1, severity: 'critical', state: 'open', ...facts } as AlertRow;
}

test('a severity has the colour and shape of a status, and a word', () => {
  assert.equal(alertStatus(alert()), 'failing');
  assert.equal(alertStatus(alert({ severity: 'warning' })), 'warning');
  assert.equal(alertStatus(alert({ severity: 'info' })), 'unknown');
  assert.equal(severityWord(alert(), teller('ja')), '重大');
});

test('an alert that somebody has seen says so in the place of its severity', () => {
  assert.equal(alertState(alert(), tell), 'critical');
  assert.equal(alertState(alert({ state: 'acknowledged' }), tell), 'seen');
  assert.equal(alertState(alert({ state: 'resolved' }), tell), 'over');
});

test('a likelihood is a whole percentage', () => {
  assert.equal(likelihood(0.704, tell), '70%');
});

test('what was found once is not told in the plural', () => {
  assert.equal(timesFound(alert({ windows: 1 }), tell), 'found once');
  assert.equal(timesFound(alert({ windows: 3 }), teller('ja')), '3 回検出');
});
