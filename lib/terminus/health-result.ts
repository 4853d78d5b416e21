import * as terminus from '@nestjs/terminus';

/**
 * The result of a check, as terminus takes it. At run time, `status` may also be `'degraded'`, in versions that know it.
 *
 * @publicApi
 */
export type SteppingHealthResult<K extends string> = Record<
  K,
  { status: 'up' | 'down'; [detail: string]: any }
>;

/** What the versions of terminus export; undefined where one does not. */
interface Exports {
  readonly HealthIndicatorService?: new () => { check(key: string): object };
  readonly HealthCheckError?: new (message: string, causes: unknown) => Error;
}

/** 10 only looks at what is thrown, and 12 does not know what 10 wants to be thrown. */
const { HealthIndicatorService, HealthCheckError } = terminus as unknown as Exports;
const looksAtResults = HealthIndicatorService !== undefined;
/** 11 leaves out results that are neither up nor down. */
const knowsDegraded =
  HealthIndicatorService !== undefined && 'degraded' in new HealthIndicatorService().check('stepping');

/** Says it so that the installed version of terminus understands it; throws where that is how. */
export function healthResult<K extends string>(
  key: K,
  status: 'up' | 'degraded' | 'down',
  details: Readonly<Record<string, unknown>>,
): SteppingHealthResult<K> {
  const isHidden = status === 'degraded' && !knowsDegraded;
  const told = isHidden ? { status: 'up', degraded: true, ...details } : { status, ...details };
  const result = { [key]: told } as SteppingHealthResult<K>;
  if (status === 'down' && !looksAtResults && HealthCheckError)
    throw new HealthCheckError(`${key} is down`, result);
  return result;
}
