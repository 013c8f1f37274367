import type { Tell } from './locale/tell';

/** What was refused: one line, what helps, and the code that does not change with the language. */
export class MlopsProblem extends Error {
  constructor(
    message: string,
    readonly hint: string,
    readonly code: string,
    readonly status: number
  ) {
    super(message);
    this.name = 'MlopsProblem';
  }
}

interface Document {
  detail?: unknown;
  hint?: unknown;
  code?: unknown;
}

/** Returns the problem that a server's answer describes. */
export function problemOf(status: number, body: string, tell: Tell): MlopsProblem {
  const told = document(body);
  if (typeof told.code === 'string' && typeof told.detail === 'string') {
    const hint = typeof told.hint === 'string' ? told.hint : '';
    return new MlopsProblem(told.detail, hint, told.code, status);
  }
  if (status === 404) {
    return new MlopsProblem(
      tell('The server half of jupyter-mlops does not answer.'),
      tell('`jupyter server extension list` shows whether it is enabled.'),
      'server_half_missing',
      status
    );
  }
  return new MlopsProblem(
    tell('The server answered {status}.', { status }),
    '',
    'unexpected_answer',
    status
  );
}

/** Returns whatever was thrown as a problem. */
export function asProblem(thrown: unknown, tell: Tell): MlopsProblem {
  if (thrown instanceof MlopsProblem) {
    return thrown;
  }
  return new MlopsProblem(
    tell('The Jupyter server does not answer.'),
    tell('See whether it still runs.'),
    'server_unreachable',
    0
  );
}

function document(body: string): Document {
  try {
    const told: unknown = JSON.parse(body);
    return typeof told === 'object' && told !== null ? (told as Document) : {};
  } catch {
    return {};
  }
}
