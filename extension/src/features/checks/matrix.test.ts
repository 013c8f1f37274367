import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { Check } from '../../types';
import { checkLines, checkStatus, failures, foundWord } from './matrix';

const tell = teller('en');
const check = (name: string, outcome: Check['outcome'], figure = ''): Check => ({
  check: name,
  title: name.toUpperCase(),
  outcome,
  figure,
  because: ''
});
const versions = [
  { ref: 'a:2', checks: [check('loads', 'passed'), check('floor', 'failed', '0.7')] },
  { ref: 'a:1', checks: [check('loads', 'passed'), check('slow', 'not applicable')] },
  { ref: 'a:0', checks: [] }
];

test('what failed anywhere stands first, and what applies nowhere last', () => {
  const lines = checkLines(versions);
  assert.deepEqual(
    lines.map(line => line.title),
    ['FLOOR', 'LOADS', 'SLOW']
  );
  assert.deepEqual(
    lines[0].found.map(found => found?.outcome ?? null),
    ['failed', null, null]
  );
});

test('what failed is said with its version and figure', () => {
  assert.deepEqual(
    failures(versions).map(({ ref, check: found }) => [ref, found.figure]),
    [['a:2', '0.7']]
  );
});

test('what was not run is no pass', () => {
  assert.equal(foundWord(null, '', tell), 'not run');
  assert.equal(foundWord(versions[0].checks[1], 'failed', tell), 'failed · 0.7');
  assert.equal(checkStatus({ outcome: 'new' } as unknown as Check), 'unknown');
});
