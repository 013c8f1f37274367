import type { Tell } from '../../locale/tell';
import type { Check, Request, Status } from '../../types';

/** Returns what somebody can act on: open requests, oldest first, then approved ones. */
export function waiting(requests: readonly Request[], opened: string | null): Request[] {
  const rank = (row: Request): number => (row.state === 'open' ? 0 : 1);
  return requests
    .filter(row => row.state === 'open' || row.state === 'approved' || String(row.id) === opened)
    .sort((a, b) => rank(a) - rank(b) || a.id - b.id);
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
  if (request.state !== 'open') {
    return 'unknown';
  }
  return request.checks.some(check => check.outcome === 'failed') ? 'failing' : 'warning';
}

/** Says in a few words how a request stands. */
export function stateWord(request: Request, tell: Tell): string {
  switch (request.state) {
    case 'open':
      return tell('waits for a decision');
    case 'approved':
      return tell('approved, ready to deploy');
    case 'rejected':
      return tell('rejected');
    case 'expired':
      return tell('expired');
    case 'carried out':
      return tell('carried out');
    default:
      return tell('void');
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

/** Says what came of a decision. */
export function outcome(answer: Request, tell: Tell): string {
  const { deployment, needs, ref } = answer;
  if (answer.state === 'approved') {
    return tell('Approved: {ref} may be deployed to {deployment}.', { ref, deployment });
  }
  if (answer.state === 'rejected') {
    return tell('Rejected: {deployment} stays as it is.', { deployment });
  }
  return tell('Your decision is recorded. Still needed: {needs}', { needs });
}
