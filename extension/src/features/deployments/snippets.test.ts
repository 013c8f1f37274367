import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  LOAD,
  monitorLine,
  predictionSnippet,
  requestLine,
  showLine,
  withLoading
} from './snippets';

const HOSTILE = ['x\n!touch pwned', 'x; import os', '<b>', '`id`', ' --help', ''];

test('a name that cannot be typed is not put into a cell', () => {
  for (const name of HOSTILE) {
    const lines = [monitorLine(name), predictionSnippet(name), showLine(name), requestLine(name)];
    assert.deepEqual(lines, [null, null, null, null], name);
  }
});

test('a line stands alone where the extension is loaded already', () => {
  const line = monitorLine('churn-prod') ?? '';
  assert.deepEqual(withLoading(line, ['import os', `  ${LOAD}  `]), [line]);
  assert.deepEqual(withLoading(line, [`# ${LOAD}`]), [`${LOAD}\n${line}`]);
});

test('a cell magic begins its cell, so what it needs stands in one of its own', () => {
  assert.deepEqual(withLoading('%%mlops rules x', []), [LOAD, '%%mlops rules x']);
});

test('a request names a deployment after its model', () => {
  assert.match(requestLine('churn:3') ?? '', /request churn:3 --for churn-prod /);
});
