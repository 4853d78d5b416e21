import type { Call, Outgoing } from './tap.js';

/**
 * A call of DTM that somebody has tampered with: other values of what DTM itself sends (`gid`, `trans_type`,
 * `branch_id`, `op`) and of `stepping-query` and `stepping-signature`; an empty list leaves one out.
 */
export function edited(call: Call, changes: Readonly<Record<string, readonly string[]>>): Outgoing {
  const { path, method, headers, body } = call;
  if (path.startsWith('/stepping.')) {
    const metadata: Record<string, readonly string[]> = { ...headers };
    for (const [name, values] of Object.entries(changes)) {
      metadata[name.startsWith('stepping-') ? name : `dtm-${name}`] = values;
    }
    return { path, headers: metadata, body };
  }
  const url = new URL(path, 'http://localhost');
  for (const [name, values] of Object.entries(changes)) {
    url.searchParams.delete(name);
    for (const value of values) url.searchParams.append(name, value);
  }
  return { path: `${url.pathname}${url.search}`, method, headers, body };
}

/** The call of a step with another payload. */
export function withBody({ path, headers }: Call, body: unknown): Outgoing {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { path, headers, body: Buffer.from(text) };
}

/** The payload of a step. */
export function payloadOf({ body }: Call): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

/** What DTM was given to hand back with its question. */
export function valueOf({ path, headers }: Call, name: 'stepping-query' | 'stepping-signature'): string {
  const inPath = new URL(path, 'http://localhost').searchParams.get(name);
  return inPath ?? headers[name]![0]!;
}
