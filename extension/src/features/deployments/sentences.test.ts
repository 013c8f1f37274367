import assert from 'node:assert/strict';
import { test } from 'node:test';

import { teller } from '../../locale/tell';
import type { DeploymentRow } from '../../types';
import { trialWords } from './sentences';

const row = { name: 'churn-prod', version: 'churn:1' } as DeploymentRow;

test('what a rollout waits for is said, and what only scores in shadow', () => {
  const tell = teller('ja');
  const trial = { because: 'churn:4 on 5 %.' } as DeploymentRow['trial'];
  assert.equal(
    trialWords({ ...row, trial, challengers: ['churn:5', 'churn:6'] }, tell),
    'churn:4 on 5 %. シャドーで採点中：churn:5, churn:6。'
  );
  assert.equal(trialWords({ ...row, trial: null, challengers: [] }, tell), '');
});
