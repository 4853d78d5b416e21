import type { DynamicModule } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { ModuleImportedTwiceError } from '../errors/index.js';

/**
 * For a module that may be global. Nest makes a module of each call of `forRoot()`.
 *
 * @throws ModuleImportedTwiceError when the application has more than one of the module.
 */
export function assertImportedOnce(
  modules: ModulesContainer,
  ours: object,
  name: ModuleImportedTwiceError['module'],
): void {
  const all = [...modules.values()];
  if (all.filter(({ metatype }) => metatype === ours).length < 2) return;
  // Nest binds a global module to all others, so the imports of the instances tell nothing.
  const importers = all.filter(({ metatype }) =>
    [Reflect.getMetadata('imports', metatype) as unknown]
      .flat()
      .some((imported) => (imported as Partial<DynamicModule> | undefined)?.module === ours),
  );
  throw new ModuleImportedTwiceError([...new Set(importers.map((importer) => importer.name))], name);
}
