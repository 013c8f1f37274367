import assert from 'node:assert/strict';
import { test } from 'node:test';

import { age, exactly } from './age';
import { counted, figure, share, withInterval } from './figures';
import { sameAsBefore } from './keep';
import { teller } from './locale/tell';
import { problemOf } from './problem';
import { severity, worst } from './status';

const tell = teller('en');
const now = new Date('2026-03-01T12:00:00Z');

test('figures have three digits, counts are brief, and what is missing is a dash', () => {
  assert.equal(figure(0.91234, 'en'), '0.912');
  assert.equal(figure(Number.NaN, 'en'), '–');
  assert.equal(figure(1234567, 'en'), '1.23\u202fM');
  assert.equal(counted(123456789, 'ja'), '1.23億');
});

test('a share has one decimal', () => {
  assert.deepEqual(
    [0, 0.8127, 1].map(value => share(value, 'en')),
    ['0%', '81.3%', '100%']
  );
});

test('an interval is shown by half its width', () => {
  assert.equal(withInterval({ value: 0.912, low: 0.901, high: 0.923 }, 'en'), '0.912 ± 0.011');
  assert.equal(withInterval({ value: 0.912, low: null, high: null }, 'en'), '0.912');
});

test('ages read as people say them, and a broken date is nothing', () => {
  assert.equal(age('2026-03-01T11:59:30Z', now, tell), 'just now');
  assert.equal(age('2026-03-01T10:00:00Z', now, tell), '2 h ago');
  assert.equal(age('2026-03-04T12:00:00Z', now, tell), 'in 3 d');
  assert.equal(age('no date', now, tell), '');
  assert.match(exactly('2026-03-01T12:00:00Z', 'en', 'Asia/Tokyo'), /21:00:00.*GMT\+9/);
});

test('rows that say the same stay the same rows', () => {
  const before = [
    { id: 1, a: 1 },
    { id: 2, a: 1 }
  ];
  const key = (row: { id: number }): number => row.id;
  assert.equal(sameAsBefore(before, structuredClone(before), key), before);
  const after = sameAsBefore(
    before,
    [
      { id: 1, a: 2 },
      { id: 2, a: 1 }
    ],
    key
  );
  assert.equal(after[1], before[1]);
  assert.notEqual(after[0], before[0]);
});

test('a problem document is shown as it is, and anything else by its status', () => {
  const body = JSON.stringify({ detail: 'No such model.', hint: '`models`', code: 'not_found' });
  assert.equal(problemOf(404, body, tell).hint, '`models`');
  assert.equal(problemOf(404, '<html>', tell).code, 'server_half_missing');
  assert.equal(problemOf(502, '[1', tell).code, 'unexpected_answer');
});

test('the worst status is the one that needs a person', () => {
  assert.equal(worst(['passing', 'unknown', 'warning']), 'warning');
  assert.equal(worst([]), 'unknown');
  assert.ok(severity('surprise' as never) > severity('passing'));
});
