/**
 * Returns the new rows, keeping the identity of those that say what they said before, and of the
 * whole list when nothing changed, so that only what changed is drawn again.
 */
export function sameAsBefore<Row>(
  before: readonly Row[],
  after: readonly Row[],
  key: (row: Row) => string | number
): readonly Row[] {
  const known = new Map(before.map(row => [key(row), row]));
  const rows = after.map(row => {
    const old = known.get(key(row));
    return old && JSON.stringify(old) === JSON.stringify(row) ? old : row;
  });
  const unchanged = rows.length === before.length && rows.every((row, i) => row === before[i]);
  return unchanged ? before : rows;
}
