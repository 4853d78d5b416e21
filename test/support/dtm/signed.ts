import { createHmac } from 'node:crypto';

/** What is signed of a call, as docs/dtm.md tells it. */
export function signatureOf(secret: string, gid: string, branch: string, op: string, text: string): string {
  return createHmac('sha256', secret).update([gid, branch, op, text].join('\n')).digest('base64url');
}

/** The body of a step's call, signed as another client of DTM would do it. */
export function signedStep(secret: string, gid: string, branch: string, payload: object): string {
  const text = JSON.stringify(payload);
  return `{"signature":"${signatureOf(secret, gid, branch, 'action', text)}",${text.slice(1)}`;
}

/** The parameters of a query-back. */
export function signedQuery(secret: string, gid: string, query: object): Record<string, string> {
  const token = Buffer.from(JSON.stringify(query)).toString('base64url');
  return { 'stepping-query': token, 'stepping-signature': signatureOf(secret, gid, '00', 'msg', token) };
}
