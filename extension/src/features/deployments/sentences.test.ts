import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { DeploymentRow } from '../../types';
import { canaryWords } from './sentences';

const row = { name: 'churn-prod', version: 'churn:1' } as DeploymentRow;

test('a canary is said with its share, and nothing where there is none', () => {
  const tell = teller('en');
  assert.equal(
    canaryWords({ ...row, canary: 'churn:2', share: 0.125 }, tell),
    'with churn:2 on 12.5% of the cases ·'
  );
  assert.equal(canaryWords({ ...row, canary: null, share: null }, tell), '');
});
