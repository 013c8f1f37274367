import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { Change, Compare, MetricRow, PairedTest } from '../../types';
import {
  byPart,
  evidenceWord,
  lineLook,
  metricRows,
  saidOf,
  verdictStatus,
  verdictWord
} from './sentences';

const tell = teller('en');
const row = (
  metric: string,
  ref: string,
  measured: MetricRow['measured'],
  value: number | null
): MetricRow => ({
  metric,
  ref,
  measured,
  value,
  low: null,
  high: null
});
const told = (verdict: PairedTest['verdict']): PairedTest => ({ verdict }) as PairedTest;

test('a verdict has a word and a shape, and what is not proven is nobody’s fault', () => {
  const verdicts = ['better', 'worse', 'not proven', 'unknown'] as const;
  assert.deepEqual(
    verdicts.map(one => verdictStatus(told(one))),
    ['passing', 'failing', 'unknown', 'unknown']
  );
  assert.equal(verdictWord(told('not proven'), tell), 'no difference proven');
});

test('evidence is said in words', () => {
  const words = [0.001, 0.03, 0.4, null].map(p => evidenceWord(p, tell));
  assert.deepEqual(words, ['strong evidence', 'some evidence', 'no evidence', 'not tested']);
});

test('the metrics are those of the same rows where all were asked, the first one first', () => {
  const found = {
    refs: ['a:1', 'a:2'],
    metric: 'roc_auc',
    items: [
      row('f1', 'a:1', 'same rows', 0.5),
      row('f1', 'a:2', 'same rows', 0.6),
      row('roc_auc', 'a:2', 'same rows', 0.9),
      row('roc_auc', 'a:1', 'registered', 0.1),
      row('mcc', 'a:1', 'same rows', null)
    ]
  } as Compare;
  const rows = metricRows(found);
  assert.deepEqual(
    rows.map(one => one.metric),
    ['roc_auc', 'f1']
  );
  assert.deepEqual(
    rows[0].cells.map(cell => cell?.value ?? null),
    [null, 0.9]
  );
  assert.equal(metricRows({ ...found, items: found.items.slice(3, 4) })[0].cells[0]?.value, 0.1);
});

test('differences stand by what they are about, and nothing stands for nothing', () => {
  const changes = [{ part: 'data' }, { part: 'features' }, { part: 'data' }] as Change[];
  assert.deepEqual(
    byPart(changes).map(group => [group.part, group.changes.length]),
    [
      ['features', 1],
      ['data', 2]
    ]
  );
  assert.deepEqual(byPart([]), []);
});

test('a line of a diff is known by its sign', () => {
  assert.deepEqual(['--- a', '+++ b', '@@ -1 +1 @@', '+new', '-old', ' same', ''].map(lineLook), [
    'place',
    'place',
    'place',
    'added',
    'removed',
    'same',
    'same'
  ]);
});

test('what a model said is a figure or a class', () => {
  assert.deepEqual(
    [0.25, 3, '<b>', null].map(value => saidOf(value, 'en')),
    ['0.250', '3', '<b>', '–']
  );
});
