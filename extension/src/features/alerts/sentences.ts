import type { Tell } from '../../locale/tell';
import type { AlertRow, Status } from '../../types';

/** Returns the status whose colour and shape a severity has. */
export function alertStatus(row: AlertRow): Status {
  switch (row.severity) {
    case 'critical':
      return 'failing';
    case 'warning':
      return 'warning';
    default:
      return 'unknown';
  }
}

/** Says how severe an alert is, in one word. */
export function severityWord(row: AlertRow, tell: Tell): string {
  switch (row.severity) {
    case 'critical':
      return tell('critical');
    case 'warning':
      return tell('warning');
    default:
      return tell('for your information');
  }
}

/** Says how an alert stands: the figure at the end of its row. */
export function alertState(row: AlertRow, tell: Tell): string {
  switch (row.state) {
    case 'acknowledged':
      return tell('seen');
    case 'resolved':
      return tell('over');
    default:
      return severityWord(row, tell);
  }
}

/** Returns the share of what speaks for a cause, as a percentage of all that speaks for any. */
export function likelihood(share: number, tell: Tell): string {
  return share.toLocaleString(tell.language, { style: 'percent', maximumFractionDigits: 0 });
}

/** Says in how many windows it was found. */
export function timesFound(row: AlertRow, tell: Tell): string {
  return row.windows === 1 ? tell('found once') : tell('found {n} times', { n: row.windows });
}
