import { counted } from '../../figures';
import type { Tell } from '../../locale/tell';
import { severity } from '../../status';
import type { DeploymentRow, Risk } from '../../types';

/** Returns the fleet with what needs a person at its top. */
export function byHealth(rows: readonly DeploymentRow[]): DeploymentRow[] {
  return [...rows].sort(
    (a, b) => severity(a.status) - severity(b.status) || (a.name < b.name ? -1 : 1)
  );
}

/** Returns the one figure of a deployment: its predictions, or its state where it is not live. */
export function shownFigure(row: DeploymentRow, tell: Tell): string {
  switch (row.state) {
    case 'live':
      return counted(row.predictions, tell.language);
    case 'down':
      return tell('down');
    case 'retired':
      return tell('retired');
    default:
      return tell('not live yet');
  }
}

/** Says what is on its way and what it waits for, and what only scores in shadow. */
export function trialWords(row: DeploymentRow, tell: Tell): string {
  const shadows = row.challengers?.length
    ? [tell('Scores in shadow: {refs}.', { refs: row.challengers.join(', ') })]
    : [];
  return [...(row.trial ? [row.trial.because] : []), ...shadows].join(' ');
}

/** Says how much a wrong answer would cost, in one word. */
export function riskWord(risk: Risk, tell: Tell): string {
  switch (risk) {
    case 'low':
      return tell('low risk');
    case 'moderate':
      return tell('moderate risk');
    case 'high':
      return tell('high risk');
    default:
      return tell('critical risk');
  }
}
