/**
 * Returns the rows in the order they had, new ones after their better-placed neighbour.
 *
 * While somebody points at the list, a row that changes its status stays where it is.
 */
export function held<Row extends { readonly id: string }>(
  order: readonly string[],
  sorted: readonly Row[]
): Row[] {
  const place = new Map(order.map((id, index) => [id, index]));
  let last = -1;
  const placed = sorted.map((row, index) => {
    const known = place.get(row.id);
    last = known ?? last;
    return { row, at: known ?? last + 0.5, index };
  });
  return placed.sort((a, b) => a.at - b.at || a.index - b.index).map(({ row }) => row);
}

/** Says whether every word that was typed occurs somewhere in a row's texts. */
export function matches(query: string, texts: readonly (string | null)[]): boolean {
  const all = texts.join(' ').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every(word => all.includes(word));
}
