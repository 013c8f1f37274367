import type { DeploymentRow } from '../../types';

/** As many versions as `compare` puts side by side. */
export const MOST_COMPARED = 6;
/** As many versions as are offered, the newest first. */
const MOST_OFFERED = 100;

/** Returns a reference's name and number; a number of 0 where it is no such reference. */
export function partsOf(ref: string): { name: string; number: number } {
  const found = /^(.*):([0-9]{1,9})$/.exec(ref);
  return found ? { name: found[1], number: Number(found[2]) } : { name: ref, number: 0 };
}

/** Returns the versions of a model of which one is known to be its newest, the newest first. */
export function versionsOf(newest: string): string[] {
  const { name, number } = partsOf(newest);
  const many = Math.min(number, MOST_OFFERED);
  return Array.from({ length: many }, (_, i) => `${name}:${number - i}`);
}

/** Returns what a version is best compared with: what it would replace, what is live, what came before. */
export function beside(
  ref: string,
  replaces: string | null,
  fleet: readonly DeploymentRow[]
): string | null {
  if (replaces && replaces !== ref) {
    return replaces;
  }
  const { name, number } = partsOf(ref);
  const live = fleet
    .map(row => row.version)
    .find(version => version && version !== ref && partsOf(version).name === name);
  return live ?? (number > 1 ? `${name}:${number - 1}` : null);
}

/** Returns the versions to be compared once another is chosen, or one is left out. */
export function toggled(chosen: readonly string[], ref: string): string[] {
  if (chosen.includes(ref)) {
    return chosen.filter(one => one !== ref);
  }
  return chosen.length < MOST_COMPARED ? [...chosen, ref] : [...chosen];
}

/** Returns how versions are told apart in little room: by number alone where they are of one model. */
export function shortened(refs: readonly string[]): string[] {
  const parts = refs.map(partsOf);
  const one = parts.every(({ name, number }) => number > 0 && name === parts[0].name);
  return one ? parts.map(({ number }) => `:${number}`) : [...refs];
}
