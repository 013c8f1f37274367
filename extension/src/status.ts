import type { Tell } from './locale/tell';
import type { Status } from './types';

/** The shape of each status, so that colour is never alone. */
export const SHAPES: Readonly<Record<Status, string>> = {
  passing: '●',
  warning: '▲',
  failing: '■',
  unknown: '○'
};

const SEVERITY: readonly Status[] = ['failing', 'warning', 'unknown', 'passing'];

/** Returns how far from the top of a list a status belongs. */
export function severity(status: Status): number {
  const found = SEVERITY.indexOf(status);
  return found < 0 ? SEVERITY.length : found;
}

/** Returns the status that most needs a person; unknown when there is none to choose from. */
export function worst(found: readonly Status[]): Status {
  return [...found].sort((a, b) => severity(a) - severity(b))[0] ?? 'unknown';
}

/** Says a status in one word. */
export function statusWord(status: Status, tell: Tell): string {
  switch (status) {
    case 'passing':
      return tell('passing');
    case 'warning':
      return tell('warning');
    case 'failing':
      return tell('failing');
    default:
      return tell('unknown');
  }
}
