/** Amounts are whole cents everywhere; this is for people to read. */
export function formatCents(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}
