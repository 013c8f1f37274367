import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { BlankRow } from '../../types';
import { answersCell, bytesOf, freeStem, stemOf } from './files';

const blank = (id: string): BlankRow => ({ id }) as BlankRow;

test('a file is named after what it is about, and no name leads out of its folder', () => {
  assert.equal(stemOf('churn:3', 'annex-iv'), 'churn-3-annex-iv');
  assert.equal(stemOf('../../etc/x:1', 'card'), '-..-etc-x-1-card');
});

test('a file that is there is not written over', () => {
  const taken = new Set(['a.md', 'a-2-pictures']);
  assert.equal(freeStem('a', 'md', taken), 'a-3');
  assert.equal(freeStem('a', 'pdf', taken), 'a');
});

test('open questions are answered in a cell, which holds nothing but names that are names', () => {
  assert.equal(
    answersCell('churn:3', 'annex-iv', [blank('purpose'), blank('x\n%rm')]),
    '%%mlops document churn:3 --template annex-iv\n# purpose: '
  );
  assert.equal(answersCell('churn:3\n!ls', 'card', [blank('purpose')]), null);
  assert.equal(answersCell('churn:3', 'card', []), null);
});

test('bytes come whole', () => {
  assert.deepEqual([...bytesOf('AP9h')], [0, 255, 97]);
});
