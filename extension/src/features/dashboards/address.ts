import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

/** What is opened: the page of the fleet, or that of a deployment (of none named, the most in need). */
export interface Address {
  readonly page: 'executive' | 'deployment';
  readonly deployment: string;
}

/** Returns what a command was told to open; the page of the fleet when it was told nothing. */
export function addressIn(said: ReadonlyPartialJSONObject): Address {
  const page = said.page === 'deployment' ? 'deployment' : 'executive';
  const named = page === 'deployment' && typeof said.deployment === 'string';
  return { page, deployment: named ? String(said.deployment) : '' };
}

/** Returns what the address of a page ends with. */
export function queryOf(address: Address): string {
  return address.deployment && `?deployment=${encodeURIComponent(address.deployment)}`;
}

/** Returns the id of the tab that shows a page: one tab for each. */
export function idOf(address: Address): string {
  const of = address.deployment && `-${address.deployment}`;
  return `jupyter-mlops-dashboard-${address.page}${of}`;
}
