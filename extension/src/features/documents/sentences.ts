import type { Tell } from '../../locale/tell';
import type { BlankRow, Document, Status } from '../../types';

/** The documents about a version, those that an authority asks for first. */
export const TEMPLATES = ['annex-iv', 'model-risk', 'data-protection', 'card'] as const;
/** The document about a deployment. */
export const REPORT = 'deployment-report';

/** Says what a kind of document is for. */
export function templateWord(template: string, tell: Tell): string {
  switch (template) {
    case 'annex-iv':
      return tell('EU AI Act, Annex IV');
    case 'model-risk':
      return tell('Model risk (SR 26-2, SR 11-7, FSA)');
    case 'data-protection':
      return tell('Data protection (GDPR, CCPA)');
    case 'card':
      return tell('Model card');
    default:
      return tell('Deployment report');
  }
}

/** Returns the questions that wait for a person: open ones, then those that were carried over. */
export function waitingBlanks(found: Document): BlankRow[] {
  const open = found.items.filter(row => row.state === 'open');
  return [...open, ...found.items.filter(row => row.state === 'carried')];
}

/** Returns how complete a document is, as a status. */
export function completeness(found: Document): Status {
  return found.complete ? 'passing' : 'warning';
}

/** Says how complete a document is. */
export function completeWord(found: Document, tell: Tell): string {
  if (found.complete) {
    return tell('Complete: nothing is left for a person to write.');
  }
  const { answered, blanks, carried } = found;
  const said = tell('{answered} of {blanks} questions answered', { answered, blanks });
  return carried ? `${said} · ${tell('{n} to be confirmed', { n: carried })}` : said;
}
