import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { Lineage, LineageCell } from '../../types';
import { cellTitle, stateStatus, stateWord } from './sentences';

const tell = teller('en');
const cell = { execution_count: 3, failed: false } as LineageCell;

test('hidden state is a warning, and what is not known is said to be unknown', () => {
  const states = ['clean', 'hidden', 'unknown'] as const;
  const found = states.map(state => ({ state }) as Lineage);
  assert.deepEqual(found.map(stateStatus), ['passing', 'warning', 'unknown']);
  assert.match(stateWord(found[1], tell), /^Hidden state/);
});

test('a cell is named by its run, else by its place', () => {
  assert.equal(cellTitle(cell, 0, tell), '[3]');
  assert.equal(cellTitle({ ...cell, execution_count: null }, 0, tell), 'cell 1');
  assert.equal(cellTitle({ ...cell, failed: true }, 0, tell), '[3] · failed');
});
