import assert from 'node:assert/strict';
import { test } from 'node:test';

import { held, matches } from './order';

const rows = (...ids: string[]): { id: string }[] => ids.map(id => ({ id }));
const ids = (found: readonly { id: string }[]): string => found.map(({ id }) => id).join('');

test('a row stays where it is while somebody points at the list', () => {
  assert.equal(ids(held(['a', 'b', 'c'], rows('c', 'a', 'b'))), 'abc');
});

test('a new row comes after the one it is placed behind, and a gone row is gone', () => {
  assert.equal(
    ids(
      held(
        ['a', 'b', 'c'],
        rows('a', 'new', 'c').map(({ id }) => ({ id }))
      )
    ),
    'anewc'
  );
  assert.equal(ids(held(['a'], rows('new', 'a'))), 'newa');
});

test('every word that is typed has to occur', () => {
  assert.ok(matches('CHURN  fail', ['churn-prod', null, 'failing']));
  assert.ok(!matches('churn passing', ['churn-prod', 'failing']));
  assert.ok(matches('', []));
});
