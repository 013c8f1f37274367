import { figure } from '../../figures';
import type { Tell } from '../../locale/tell';
import type { Change, Compare, MetricRow, PairedTest, Status } from '../../types';

type Part = Change['part'];

const PARTS: readonly Part[] = [
  'features',
  'parameters',
  'data',
  'environment',
  'registration',
  'release checks'
];

/** Returns how a version did in the paired test, as a status. */
export function verdictStatus(test: PairedTest): Status {
  switch (test.verdict) {
    case 'better':
      return 'passing';
    case 'worse':
      return 'failing';
    default:
      return 'unknown';
  }
}

/** Says how a version did in the paired test. */
export function verdictWord(test: PairedTest, tell: Tell): string {
  switch (test.verdict) {
    case 'better':
      return tell('better');
    case 'worse':
      return tell('worse');
    case 'not proven':
      return tell('no difference proven');
    default:
      return tell('unknown');
  }
}

/** Says how strong the evidence of a difference is; the p-value itself is for whoever points at it. */
export function evidenceWord(p: number | null, tell: Tell): string {
  if (p === null) {
    return tell('not tested');
  }
  if (p <= 0.01) {
    return tell('strong evidence');
  }
  return p <= 0.05 ? tell('some evidence') : tell('no evidence');
}

/** Says what a part of the differences is about. */
export function partWord(part: Part, tell: Tell): string {
  switch (part) {
    case 'features':
      return tell('features');
    case 'parameters':
      return tell('parameters');
    case 'data':
      return tell('data');
    case 'environment':
      return tell('environment');
    case 'registration':
      return tell('registration');
    default:
      return tell('release checks');
  }
}

/** Returns the differences by what they are about, in the order people ask for them. */
export function byPart(changes: readonly Change[]): { part: Part; changes: Change[] }[] {
  return PARTS.map(part => ({ part, changes: changes.filter(one => one.part === part) })).filter(
    group => group.changes.length > 0
  );
}

/** Returns the metrics a row each, the first one first: of the same rows, where all were asked. */
export function metricRows(found: Compare): { metric: string; cells: (MetricRow | null)[] }[] {
  const same = found.items.some(row => row.measured === 'same rows');
  const items = found.items.filter(row => (row.measured === 'same rows') === same);
  const names = [...new Set([found.metric, ...items.map(row => row.metric)])];
  return names
    .map(metric => ({
      metric,
      cells: found.refs.map(
        ref => items.find(row => row.metric === metric && row.ref === ref) ?? null
      )
    }))
    .filter(row => row.cells.some(cell => cell && cell.value !== null));
}

export type LineLook = 'added' | 'removed' | 'place' | 'same';

/** Returns how a line of a unified diff is shown; its own sign says the same. */
export function lineLook(line: string): LineLook {
  if (line.startsWith('@@') || line.startsWith('+++') || line.startsWith('---')) {
    return 'place';
  }
  return line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : 'same';
}

/** Writes what a model said: a figure, or the name of a class. */
export function saidOf(value: unknown, language: string): string {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? String(value) : figure(value, language);
  }
  return value === null || value === undefined ? '–' : String(value);
}
