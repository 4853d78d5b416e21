/** Parses JSON; `undefined` for `null` and for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}
