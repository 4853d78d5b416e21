import type { Wire } from './api.js';

/** As JSON carries it: dates become texts. */
export function wire<T>(value: T): Wire<T> {
  return plain(value) as Wire<T>;
}

function plain(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
