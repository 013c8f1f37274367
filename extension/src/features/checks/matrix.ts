import type { Tell } from '../../locale/tell';
import type { Check, Status, Version } from '../../types';

/** A check and what it found of each version; null where it was not run. */
export interface CheckLine {
  readonly check: string;
  readonly title: string;
  readonly found: readonly (Check | null)[];
}

type Checked = Pick<Version, 'ref' | 'checks'>;

const STATUSES: Readonly<Record<Check['outcome'], Status>> = {
  passed: 'passing',
  failed: 'failing',
  'not applicable': 'unknown'
};

/** Returns a check's outcome as a status. */
export function checkStatus(check: Check): Status {
  return STATUSES[check.outcome] ?? 'unknown';
}

/** Returns the checks a line each over versions: what failed anywhere first, what applies nowhere last. */
export function checkLines(versions: readonly Checked[]): CheckLine[] {
  const names = [...new Set(versions.flatMap(one => one.checks.map(check => check.check)))];
  const lines = names.map(name => {
    const found = versions.map(one => one.checks.find(check => check.check === name) ?? null);
    const title = found.find(check => check)?.title ?? name;
    return { check: name, title, found };
  });
  return lines
    .map((line, i) => ({ line, i }))
    .sort((a, b) => rank(a.line) - rank(b.line) || a.i - b.i)
    .map(({ line }) => line);
}

/** Returns what failed, with its version. */
export function failures(versions: readonly Checked[]): { ref: string; check: Check }[] {
  return versions.flatMap(({ ref, checks }) =>
    checks.filter(check => check.outcome === 'failed').map(check => ({ ref, check }))
  );
}

/** Says what a check found, in one line. */
export function foundWord(check: Check | null, outcome: string, tell: Tell): string {
  if (!check) {
    return tell('not run');
  }
  return [outcome, check.figure, check.because].filter(Boolean).join(' · ');
}

function rank(line: CheckLine): number {
  const outcomes = line.found.map(check => check?.outcome);
  return outcomes.includes('failed') ? 0 : outcomes.includes('passed') ? 1 : 2;
}
