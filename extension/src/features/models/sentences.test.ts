import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { DeploymentRow, Figure, ModelRow } from '../../types';
import { byHealth, shownFigure } from '../deployments/sentences';
import { byNewest, firstMetrics, metricName, modelStatus, modelWord } from './sentences';

const tell = teller('en');
const half: Figure = { value: 0.5, low: null, high: null };

function deployment(name: string, facts: Partial<DeploymentRow> = {}): DeploymentRow {
  return { name, status: 'passing', state: 'live', predictions: 0, ...facts } as DeploymentRow;
}

function model(name: string, deployments: string[], created_at = '2026-01-01T00:00:00Z'): ModelRow {
  return { name, deployments, created_at } as ModelRow;
}

test('the fleet shows what needs a person at its top', () => {
  const rows = [
    deployment('a'),
    deployment('d', { status: 'unknown' }),
    deployment('c', { status: 'failing' }),
    deployment('b', { status: 'warning' })
  ];
  assert.deepEqual(
    byHealth(rows).map(row => row.name),
    ['c', 'b', 'd', 'a']
  );
});

test('a deployment that does not answer says so instead of its traffic', () => {
  assert.equal(shownFigure(deployment('a', { predictions: 1234567 }), tell), '1.23\u202fM');
  assert.equal(shownFigure(deployment('a', { state: 'down' }), tell), 'down');
});

test('a model is as well as its worst deployment, and unknown where it has none', () => {
  const fleet = [deployment('x'), deployment('y', { status: 'failing' })];
  assert.equal(modelStatus(model('m', ['x', 'y']), fleet), 'failing');
  assert.equal(modelStatus(model('m', []), fleet), 'unknown');
  assert.equal(modelWord(model('m', ['x', 'y']), fleet, tell), 'x: passing, y: failing');
  assert.equal(modelWord(model('m', []), fleet, tell), 'not deployed');
});

test('the newest model stands first', () => {
  const rows = [model('old', [], '2025-01-01T00:00:00Z'), model('b', []), model('a', [])];
  assert.deepEqual(
    byNewest(rows).map(row => row.name),
    ['a', 'b', 'old']
  );
});

test('the best known metrics come first, and what was not measured not at all', () => {
  const metrics = { brier: half, roc_auc: half, accuracy: half, f1: { ...half, value: null } };
  assert.deepEqual(firstMetrics(metrics), ['roc_auc', 'accuracy', 'brier']);
  assert.equal(metricName('roc_auc'), 'AUC');
  assert.equal(metricName('balanced_accuracy'), 'balanced accuracy');
});
