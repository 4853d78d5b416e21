import type { ErrorAnswer } from '../api.js';

/** The page may be served under any path, so its own tells where the API is. An address with a password in it is none for `fetch()`. */
const base = `${location.origin}${location.pathname.replace(/^\/+/, '/').replace(/\/+$/, '')}/api/`;

/** A request that did not succeed. */
export class RequestError extends Error {
  constructor(
    /** 0 where there was no answer. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Parameters of a query. Those that are undefined or empty are left out. */
export type Parameters = Readonly<Record<string, string | undefined>>;

/** An answer, with the tag that tells whether it has changed. */
export interface Tagged<T> {
  readonly tag: string | null;
  /** Undefined: as before. */
  readonly data: T | undefined;
}

export async function get<T>(path: string, parameters: Parameters): Promise<T> {
  return (await getTagged<T>(path, parameters, null)).data!;
}

/** @param tag of the answer that is known. */
export async function getTagged<T>(
  path: string,
  parameters: Parameters,
  tag: string | null,
  signal?: AbortSignal,
): Promise<Tagged<T>> {
  const response = await send(path + queryOf(parameters), {
    headers: tag === null ? {} : { 'if-none-match': tag },
    cache: 'no-store',
    signal: signal ?? null,
  });
  if (response.status === 304) return { tag, data: undefined };
  return { tag: response.headers.get('etag'), data: (await response.json()) as T };
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const response = await send(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as T;
}

export function queryOf(parameters: Parameters): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(base + path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new RequestError(0, 'The application does not answer.');
  }
  if (response.ok || response.status === 304) return response;
  // Guards of the application answer as they like.
  const body = (await response.json().catch(() => null)) as Partial<ErrorAnswer> | null;
  const { status } = response;
  const message = typeof body?.message === 'string' ? body.message : DEFAULT_TEXT[status];
  throw new RequestError(status, message ?? `The server answered ${status}.`);
}

const DEFAULT_TEXT: Readonly<Record<number, string>> = {
  401: 'You are not signed in any more. Reload the page.',
  403: 'You are not allowed to do this.',
};
