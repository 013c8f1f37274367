import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DeploymentRow } from '../../types';
import { beside, partsOf, shortened, toggled, versionsOf } from './choose';

const live = (version: string): DeploymentRow => ({ version }) as DeploymentRow;

test('a model offers its versions, the newest first, and never more than a list can hold', () => {
  assert.deepEqual(versionsOf('churn:3'), ['churn:3', 'churn:2', 'churn:1']);
  assert.equal(versionsOf('churn:999999999').length, 100);
  assert.deepEqual(versionsOf('no reference'), []);
  assert.deepEqual(partsOf('a:b:7'), { name: 'a:b', number: 7 });
});

test('a version is compared with what it would replace, else what is live, else what came before', () => {
  assert.equal(beside('a:3', 'a:1', [live('a:2')]), 'a:1');
  assert.equal(beside('a:3', null, [live('b:1'), live('a:3'), live('a:2')]), 'a:2');
  assert.equal(beside('a:3', null, []), 'a:2');
  assert.equal(beside('a:1', null, []), null);
});

test('a chosen version is left out again, and no seventh is taken', () => {
  assert.deepEqual(toggled(['a:1'], 'a:2'), ['a:1', 'a:2']);
  assert.deepEqual(toggled(['a:1', 'a:2'], 'a:1'), ['a:2']);
  const six = versionsOf('a:6');
  assert.deepEqual(toggled(six, 'a:7'), six);
});

test('versions of one model are told apart by their numbers, those of several by their names', () => {
  assert.deepEqual(shortened(['a:1', 'a:2']), [':1', ':2']);
  assert.deepEqual(shortened(['a:1', 'b:1']), ['a:1', 'b:1']);
  assert.deepEqual(shortened(['a', 'a:2']), ['a', 'a:2']);
});
