import type { Tell } from '../../locale/tell';
import { statusWord, worst } from '../../status';
import type { DeploymentRow, Figure, ModelRow, Status, Task } from '../../types';

/** Returns the models, the newest version first. */
export function byNewest(rows: readonly ModelRow[]): ModelRow[] {
  const newest = (a: ModelRow, b: ModelRow): number => compare(b.created_at, a.created_at);
  return [...rows].sort((a, b) => newest(a, b) || compare(a.name, b.name));
}

/** Returns how a model does where it is live; unknown where it is not. */
export function modelStatus(row: ModelRow, fleet: readonly DeploymentRow[]): Status {
  return worst(where(row, fleet).map(({ status }) => status));
}

/** Says how a model does, deployment by deployment. */
export function modelWord(row: ModelRow, fleet: readonly DeploymentRow[], tell: Tell): string {
  const told = where(row, fleet).map(({ name, status }) => `${name}: ${statusWord(status, tell)}`);
  return told.length ? told.join(', ') : tell('not deployed');
}

/** Says what kind of question a model answers. */
export function taskWord(task: Task, tell: Tell): string {
  switch (task) {
    case 'binary':
      return tell('yes or no');
    case 'multiclass':
      return tell('one of several classes');
    case 'regression':
      return tell('a number');
    default:
      return tell('not known: only a record is here');
  }
}

const METRICS: Readonly<Record<string, string>> = {
  average_precision: 'AP',
  brier: 'Brier',
  f1: 'F1',
  log_loss: 'log loss',
  mae: 'MAE',
  mape: 'MAPE',
  r2: 'R²',
  rmse: 'RMSE',
  roc_auc: 'AUC'
};

/** Returns a metric's name as the field writes it. */
export function metricName(name: string): string {
  return METRICS[name] ?? name.replace(/_/g, ' ');
}

const FIRST = ['roc_auc', 'accuracy', 'rmse', 'log_loss', 'f1', 'mae', 'r2'];
const MOST = 5;

/** Returns the few metrics worth a look, the best known first. */
export function firstMetrics(metrics: Readonly<Record<string, Figure>>): string[] {
  const rank = (name: string): number =>
    (FIRST.indexOf(name) + FIRST.length + 1) % (FIRST.length + 1);
  const measured = Object.keys(metrics).filter(name => metrics[name].value !== null);
  return measured.sort((a, b) => rank(a) - rank(b) || compare(a, b)).slice(0, MOST);
}

function where(row: ModelRow, fleet: readonly DeploymentRow[]): DeploymentRow[] {
  return fleet.filter(({ name }) => row.deployments.includes(name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
