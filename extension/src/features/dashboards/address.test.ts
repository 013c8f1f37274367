import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addressIn, idOf, queryOf } from './address';

test('nothing said opens the page of the fleet', () => {
  assert.deepEqual(addressIn({}), { page: 'executive', deployment: '' });
  assert.equal(addressIn({ page: 'nowhere', deployment: 'shop' }).page, 'executive');
  assert.equal(queryOf(addressIn({})), '');
});

test('a deployment is named in the query, whatever it is called', () => {
  const address = addressIn({ page: 'deployment', deployment: 'a&b=c/../x' });
  assert.equal(queryOf(address), '?deployment=a%26b%3Dc%2F..%2Fx');
});

test('a deployment that is not named is left for the page to choose', () => {
  assert.equal(queryOf(addressIn({ page: 'deployment' })), '');
  assert.equal(addressIn({ page: 'deployment', deployment: 3 }).deployment, '');
});

test('each page has a tab of its own', () => {
  const pages = [
    {},
    { page: 'deployment' },
    { page: 'deployment', deployment: 'shop' },
    { page: 'deployment', deployment: 'clinic' }
  ];
  assert.equal(new Set(pages.map(said => idOf(addressIn(said)))).size, 4);
});
