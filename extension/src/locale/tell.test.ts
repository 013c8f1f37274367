import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ja } from './ja';
import { teller } from './tell';

const SOURCES = join(__dirname, '..', '..', 'src');
const TOLD = /\btell\(\s*'((?:[^'\\]|\\.)*)'/g;

function templates(): Set<string> {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf-8' });
  const ours = files.filter(name => /\.tsx?$/.test(name) && !name.endsWith('.test.ts'));
  const texts = ours.map(name => readFileSync(join(SOURCES, name), 'utf-8'));
  return new Set(texts.flatMap(text => [...text.matchAll(TOLD)].map(found => found[1])));
}

const holes = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

test('every sentence of the panel has its Japanese, and no Japanese is left over', () => {
  assert.deepEqual(Object.keys(ja).sort(), [...templates()].sort());
});

test('a translation fills the same names', () => {
  for (const [english, japanese] of Object.entries(ja)) {
    assert.deepEqual(holes(japanese), holes(english), english);
  }
});

test('a sentence is told in the language of JupyterLab', () => {
  assert.equal(teller('ja-JP')('{span} ago', { span: '3 日' }), '3 日前');
  assert.equal(teller('fr')('{span} ago', { span: '3 d' }), '3 d ago');
});

test('a language pack speaks before our own catalogue', () => {
  assert.equal(teller('ja', () => '可')('Approve'), '可');
});

test('what a name holds is not read as a template', () => {
  assert.equal(
    teller('en')('{ref} {deployment}', { ref: '{deployment}', deployment: 'x' }),
    '{deployment} x'
  );
  assert.equal(teller('en')('{constructor}'), '{constructor}');
});
