import type { Figure } from './types';

/** Writes a measured number with three significant figures, as the reader's language does. */
export function figure(value: number | null | undefined, language: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) {
    return '–';
  }
  if (Math.abs(value) >= 1000) {
    return counted(value, language);
  }
  const three = { maximumSignificantDigits: 3, minimumSignificantDigits: 3 };
  return new Intl.NumberFormat(language, three).format(value);
}

/** Writes a count briefly: 1.24 M, 1.24億. */
export function counted(value: number, language: string): string {
  const parts = new Intl.NumberFormat(language, {
    maximumSignificantDigits: 3,
    notation: 'compact'
  }).formatToParts(value);
  return parts
    .map(({ type, value: text }) =>
      type === 'compact' && !language.startsWith('ja') ? `\u202f${UNITS[text] ?? text}` : text
    )
    .join('');
}

/** Writes a share as a percentage with one decimal. */
export function share(value: number, language: string): string {
  const one = { maximumFractionDigits: 1, style: 'percent' } as const;
  return new Intl.NumberFormat(language, one).format(value);
}

const UNITS: Readonly<Record<string, string>> = { K: 'k', B: 'bn' };

/** Writes a figure with half the width of its interval: 0.912 ± 0.011. */
export function withInterval(found: Figure, language: string): string {
  const value = figure(found.value, language);
  if (found.value === null || found.low === null || found.high === null) {
    return value;
  }
  const half = (found.high - found.low) / 2;
  const width = new Intl.NumberFormat(language, { maximumSignificantDigits: 2 }).format(half);
  return `${value} ± ${width}`;
}
