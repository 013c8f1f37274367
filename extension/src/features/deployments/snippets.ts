const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const REF = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}:[0-9]+$/;

/** The line that makes `%mlops` known to a notebook. */
export const LOAD = '%load_ext jupyter_mlops';

/**
 * Returns the line that opens a deployment's monitor; null for a name that cannot be typed.
 *
 * What stands in a cell is run by whoever presses Shift+Enter: a name that is not one is not put
 * there, whatever a server claims.
 */
export function monitorLine(deployment: string): string | null {
  return NAME.test(deployment) ? `%mlops monitor ${deployment}` : null;
}

/** Returns the line that shows a version. */
export function showLine(ref: string): string | null {
  return REF.test(ref) ? `%mlops show ${ref}` : null;
}

/** Returns the line that asks for a first deployment of a version. */
export function requestLine(ref: string): string | null {
  const [model] = ref.split(':');
  return REF.test(ref)
    ? `%mlops request ${ref} --for ${model}-prod --reason "first release"`
    : null;
}

/** Returns the lines that ask a deployment for predictions. */
export function predictionSnippet(deployment: string): string | null {
  return NAME.test(deployment)
    ? `${LOAD}\nanswers = %mlops predict ${deployment} new_df\nanswers.to_frame()`
    : null;
}

/**
 * Returns the cells to put into a notebook for some lines, with what makes them work where that is
 * missing; a cell that begins with `%%` can hold nothing before it.
 */
export function withLoading(line: string, sources: readonly string[]): string[] {
  const loaded = sources.some(source => /^\s*%load_ext jupyter_mlops\s*$/m.test(source));
  if (loaded) {
    return [line];
  }
  return line.startsWith('%%') ? [LOAD, line] : [`${LOAD}\n${line}`];
}
