import {
  ARGS_ROOT,
  MAX_DEPTH,
  classNameOf,
  isPlainArray,
  isPlainObject,
  pathOf,
  placeIn,
  type Place,
} from './value-path.js';

/** Reports the first value that JSON would not give back; it must throw. */
export type ReportProblem = (path: string, reason: string) => never;

/** A value that is still to be checked, or `leaving` an object whose content has been. */
interface Visit {
  readonly value: unknown;
  readonly place: Place;
  readonly leaving?: boolean;
}

/**
 * Checks that JSON gives a value back as it is, and returns its text.
 *
 * Two differences are let pass, as nobody means them: a property that is `undefined` is dropped, and `-0`
 * becomes `0`. Everything else that would be changed is reported, as is nesting deeper than `MAX_DEPTH`.
 */
export function assertPlainJson(value: unknown, report: ReportProblem): string {
  const open = new Set<object>();
  // A stack of our own: what callers pass may be nested deeper than the call stack allows.
  const visits: Visit[] = [{ value, place: ARGS_ROOT }];
  for (let visit = visits.pop(); visit !== undefined; visit = visits.pop()) {
    const { value: current, place } = visit;
    if (typeof current !== 'object' || current === null) {
      const reason = primitiveProblem(current);
      if (reason !== undefined) report(pathOf(place), reason);
      continue;
    }
    if (visit.leaving === true) {
      open.delete(current);
      continue;
    }
    const reason = open.has(current)
      ? 'refers back to an object that contains it.'
      : objectProblem(current, place);
    if (reason !== undefined) report(pathOf(place), reason);
    open.add(current);
    visits.push({ value: current, place, leaving: true });
    pushContent(visits, current, place, report);
  }
  return JSON.stringify(value);
}

function pushContent(visits: Visit[], container: object, place: Place, report: ReportProblem): void {
  if (Array.isArray(container)) {
    for (let index = container.length - 1; index >= 0; index--) {
      const element: unknown = container[index];
      if (element === undefined)
        report(pathOf(placeIn(place, index)), 'is undefined, which JSON turns into null.');
      if (isSafe(element)) continue;
      visits.push({ value: element, place: placeIn(place, index) });
    }
    return;
  }
  for (const key of Object.keys(container).reverse()) {
    const property = (container as Record<string, unknown>)[key];
    if (property === undefined || isSafe(property)) continue;
    visits.push({ value: property, place: placeIn(place, key) });
  }
}

/** The common values that need no look: most of all arguments are texts and flags. */
function isSafe(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

function primitiveProblem(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}, which JSON turns into null.`;
    case 'bigint':
      return 'is a bigint, which JSON has not. Pass it as text.';
    case 'function':
      return 'is a function, which cannot be stored.';
    case 'symbol':
      return 'is a symbol, which cannot be stored.';
    case 'undefined':
      return 'is undefined, which JSON has not.';
    default:
      return undefined;
  }
}

function objectProblem(value: object, place: Place): string | undefined {
  if (place.depth >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels.`;
  if (Object.getOwnPropertySymbols(value).length > 0) return 'has a symbol as a key, which JSON drops.';
  if (Array.isArray(value)) return arrayProblem(value);
  if (value instanceof Date) {
    return 'is a Date, which comes back as text. Pass toISOString(), or declare @Step({ args: TheClass }) with @Type(() => Date).';
  }
  if (!isPlainObject(value)) {
    return (
      `is an instance of ${classNameOf(value)}, which comes back as a plain object. Pass a plain object, or ` +
      'declare the class of the arguments with @Step({ args: TheClass }).'
    );
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return 'has toJSON(), which replaces it.';
  return undefined;
}

function arrayProblem(value: unknown[]): string | undefined {
  if (!isPlainArray(value))
    return `is an instance of ${classNameOf(value)}, which comes back as a plain array.`;
  const keys = Object.keys(value).length;
  if (keys < value.length) return 'has holes, which JSON turns into null.';
  if (keys > value.length) return 'is an array with further properties, which JSON drops.';
  return undefined;
}
