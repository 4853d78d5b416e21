/** Amounts are whole cents everywhere. This formats them for people. */
export function formatCents(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}
