import { useEffect, useState } from 'preact/hooks';
import { queryOf, type Parameters } from './server.js';

/** Where the page is, as its fragment says it: `#/jobs/<gid>?args=true`. */
export interface Route {
  /** `overview`, `jobs`, `job`, `steps`, `processes`, `audit`. */
  readonly page: string;
  /** The gid of a job. */
  readonly id: string | null;
  readonly parameters: Readonly<Record<string, string>>;
}

export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', ...rest] = path.split('/');
  const parameters = Object.fromEntries(new URLSearchParams(query));
  const id = rest.length === 0 ? null : decoded(rest.join('/'));
  if (page === 'jobs' && id !== null && id !== '') return { page: 'job', id, parameters };
  return { page: page === '' ? 'overview' : page, id: null, parameters };
}

export function href(page: string, parameters: Parameters = {}): string {
  return `#/${page === 'overview' ? '' : page}${queryOf(parameters)}`;
}

export function jobHref(gid: string): string {
  return `#/jobs/${encodeURIComponent(gid)}`;
}

/** Replaces the parameters of the page that is open; the history gets no entry. */
export function replaceParameters(page: string, parameters: Parameters): void {
  history.replaceState(null, '', href(page, parameters));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function navigate(to: string): void {
  location.hash = to;
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const update = () => setHash(location.hash);
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  return readRoute(hash);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
