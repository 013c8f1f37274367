import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { BlankRow, Document } from '../../types';
import { completeness, completeWord, waitingBlanks } from './sentences';

const tell = teller('en');
const blank = (id: string, state: BlankRow['state']): BlankRow => ({ id, state }) as BlankRow;

function found(items: BlankRow[]): Document {
  const count = (state: string): number => items.filter(row => row.state === state).length;
  return {
    items,
    blanks: items.length,
    answered: count('answered'),
    carried: count('carried'),
    complete: items.every(row => row.state === 'answered')
  } as Document;
}

test('what a person has to write stands before what is only to be confirmed', () => {
  const told = found([blank('a', 'carried'), blank('b', 'answered'), blank('c', 'open')]);
  assert.deepEqual(
    waitingBlanks(told).map(row => row.id),
    ['c', 'a']
  );
  assert.equal(completeness(told), 'warning');
  assert.equal(completeWord(told, tell), '1 of 3 questions answered · 1 to be confirmed');
});

test('a document with nothing left to write is complete', () => {
  const told = found([blank('b', 'answered')]);
  assert.equal(completeness(told), 'passing');
  assert.match(completeWord(told, tell), /^Complete/);
});
