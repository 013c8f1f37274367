import { share, withInterval } from '../../figures';
import type { Tell } from '../../locale/tell';
import type {
  Check,
  Comment,
  Contest,
  Decision,
  FairnessFigure,
  Person,
  Request,
  Status
} from '../../types';
import { metricName } from '../models/sentences';

const WAITING: readonly Request['state'][] = ['open', 'changes asked', 'approved'];

/** Returns what somebody can act on: open requests, oldest first, then held up and approved ones. */
export function waiting(requests: readonly Request[], opened: string | null): Request[] {
  const rank = (row: Request): number => (WAITING.indexOf(row.state) + 4) % 4;
  return requests
    .filter(row => WAITING.includes(row.state) || String(row.id) === opened)
    .sort((a, b) => rank(a) - rank(b) || a.id - b.id);
}

/** Says whether a decision is still to be made. */
export function isUndecided(request: Request): boolean {
  return request.state === 'open' || request.state === 'changes asked';
}

/** Says whether nothing can come of a request any more. */
export function isOver(request: Request): boolean {
  return !WAITING.includes(request.state) && request.state !== 'carried out';
}

/** What somebody said: a comment, a request for changes, a decision, a withdrawal. */
export interface Said {
  readonly kind: Comment['kind'] | Decision['outcome'];
  readonly by: Person;
  readonly text: string;
  readonly at: string;
  readonly withdrawnAt: string;
}

/** Returns comments and decisions in the order in which they were said. */
export function spoken(request: Request): Said[] {
  const decided = request.decisions.map(({ outcome, by, comment, at, withdrawn_at }) => ({
    kind: outcome,
    by,
    text: comment,
    at,
    withdrawnAt: withdrawn_at
  }));
  const said = request.comments.map(one => ({ ...one, withdrawnAt: '' }));
  return [...decided, ...said].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Says what somebody did by what they said. */
export function saidWord(kind: Said['kind'], tell: Tell): string {
  switch (kind) {
    case 'approved':
      return tell('Approved');
    case 'rejected':
      return tell('Rejected');
    case 'break-glass':
      return tell('Broke the glass');
    case 'changes':
      return tell('Asked for changes');
    case 'settled':
      return tell('Changes settled');
    case 'withdrawal':
      return tell('Withdrew');
    default:
      return tell('Said');
  }
}

/** Says how a version did against the champion of the moment when it was requested. */
export function against(contest: Contest, tell: Tell): string {
  const written = (found: Contest['champion']): string =>
    found ? withInterval(found, tell.language) : '–';
  const facts = {
    ref: contest.ref,
    metric: metricName(contest.metric),
    version: written(contest.version),
    champion: written(contest.champion)
  };
  const said =
    contest.measured === 'same rows'
      ? tell('On the same rows: {metric} {version}, {ref} has {champion}.', facts)
      : tell('As registered: {metric} {version}, {ref} has {champion}.', facts);
  const verdicts: Record<Contest['verdict'], string> = {
    better: tell('Better, as far as can be proven.'),
    worse: tell('Worse, as far as can be proven.'),
    'not proven': tell('No difference is proven.'),
    unknown: ''
  };
  return [said, verdicts[contest.verdict]].filter(Boolean).join(' ');
}

/** Says one measure of fairness in one protected group. */
export function fair(row: FairnessFigure, tell: Tell): string {
  return tell('{attribute} = {group}: {measure} {ratio}', {
    ...row,
    measure: row.measure.replaceAll('_', ' '),
    ratio: share(row.ratio, tell.language)
  });
}

/** Returns the template that says what a request would change, or did. */
export function change(request: Request, tell: Tell): string {
  if (!isOfVersion(request)) {
    return request.state === 'carried out'
      ? tell('{ref} was changed as it was asked.')
      : tell('{ref} would be changed so:');
  }
  if (request.role === 'challenger') {
    return tell('{ref} scores in shadow beside the champion of {deployment}, and answers nobody.');
  }
  if (request.state === 'carried out') {
    return tell('{ref} is champion of {deployment}.');
  }
  return request.replaces
    ? tell('{ref} would replace {replaces} as champion of {deployment}.')
    : tell('{ref} would be the first champion of {deployment}.');
}

/** Says whether a request asks for a version to serve somewhere, and not for another change. */
export function isOfVersion(request: Request): boolean {
  return request.kind === 'version';
}

/** Returns how a request stands, as a status: what failed is seen first. */
export function requestStatus(request: Request): Status {
  if (request.state === 'approved' || request.state === 'carried out') {
    return 'passing';
  }
  if (!isUndecided(request)) {
    return 'unknown';
  }
  return request.checks.some(check => check.outcome === 'failed') ? 'failing' : 'warning';
}

/** Says in a few words how a request stands. */
export function stateWord(request: Request, tell: Tell): string {
  switch (request.state) {
    case 'open':
      return tell('waits for a decision');
    case 'changes asked':
      return tell('changes are asked for');
    case 'approved':
      return tell('approved, ready to deploy');
    case 'rejected':
      return tell('rejected');
    case 'expired':
      return tell('expired');
    case 'carried out':
      return tell('carried out');
    case 'superseded':
      return tell('superseded by a newer version');
    case 'withdrawn':
      return tell('withdrawn');
    default:
      return tell('approval withdrawn');
  }
}

/** Returns how many of the checks that apply were passed. */
export function passed(checks: readonly Check[]): { passed: number; of: number } {
  const apply = checks.filter(check => check.outcome !== 'not applicable');
  const good = apply.filter(check => check.outcome === 'passed');
  return { passed: good.length, of: apply.length };
}

/** Returns the checks with what failed first, and what does not apply last. */
export function byOutcome(checks: readonly Check[]): Check[] {
  const order = ['failed', 'passed', 'not applicable'];
  return [...checks].sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome));
}

/** Says what a check came to. */
export function outcomeWord(check: Check, tell: Tell): string {
  switch (check.outcome) {
    case 'passed':
      return tell('passed');
    case 'failed':
      return tell('failed');
    default:
      return tell('not applicable');
  }
}

/** Says what came of a decision, or of what else was said. */
export function outcome(answer: Request, tell: Tell): string {
  const { because, deployment, needs, ref } = answer;
  if (because) {
    return because;
  }
  const last = spoken(answer).at(-1)?.kind;
  if (last === 'comment' || last === 'changes' || last === 'settled') {
    const said = last === 'changes' ? [] : [saidWord(last, tell)];
    return [...said, stateWord(answer, tell)].join(' · ');
  }
  switch (answer.state) {
    case 'approved':
      return tell('Approved: {ref} may be deployed to {deployment}.', { ref, deployment });
    case 'rejected':
      return tell('Rejected: {deployment} stays as it is.', { deployment });
    case 'withdrawn':
    case 'void':
      return tell('Withdrawn: nothing can be carried out by it any more.');
    default:
      return tell('Your decision is recorded. Still needed: {needs}', { needs });
  }
}
