import type { Tell } from '../../locale/tell';
import type { Lineage, LineageCell, LineageNode, Status } from '../../types';

/** Returns whether the notebook, run from the top, gives this version again, as a status. */
export function stateStatus(found: Lineage): Status {
  switch (found.state) {
    case 'clean':
      return 'passing';
    case 'hidden':
      return 'warning';
    default:
      return 'unknown';
  }
}

/** Says whether the notebook, run from the top, gives this version again. */
export function stateWord(found: Lineage, tell: Tell): string {
  switch (found.state) {
    case 'clean':
      return tell('Run from the top, its notebook gives this version again.');
    case 'hidden':
      return tell('Hidden state: run from the top, its notebook does not give this version again.');
    default:
      return tell('Whether its code gives this version again is not known.');
  }
}

/** Says what a thing on the way is. */
export function kindWord(kind: LineageNode['kind'], tell: Tell): string {
  switch (kind) {
    case 'data':
      return tell('data');
    case 'notebook':
      return tell('notebook');
    case 'script':
      return tell('script');
    case 'cell':
      return tell('cell');
    case 'version':
      return tell('version');
    case 'decision':
      return tell('decision');
    case 'deployment':
      return tell('deployment');
    default:
      return tell('predictions');
  }
}

/** Returns how a cell is named: by the number of its run, else by its place. */
export function cellTitle(cell: LineageCell, place: number, tell: Tell): string {
  const n = cell.execution_count ?? place + 1;
  const named = cell.execution_count === null ? tell('cell {n}', { n }) : `[${n}]`;
  return cell.failed ? `${named} · ${tell('failed')}` : named;
}
