import type { FactoryProvider } from '@nestjs/common';

type Token<T> = symbol | (abstract new (...args: any[]) => T);

/** A provider that makes an instance of a class out of other providers. Needs no metadata of decorators. */
export function provide<T, D extends unknown[]>(
  type: new (...dependencies: D) => T,
  ...inject: { [K in keyof D]: Token<D[K]> }
): FactoryProvider<T> {
  return { provide: type, useFactory: (...dependencies) => new type(...(dependencies as D)), inject };
}
