import type { DynamicModule } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { InvalidOptionError, ModuleImportedTwiceError } from '../errors/index.js';

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
      .some(
        (imported) => imported === ours || (imported as Partial<DynamicModule> | undefined)?.module === ours,
      ),
  );
  throw new ModuleImportedTwiceError([...new Set(importers.map((importer) => importer.name))], name);
}

/**
 * For a module whose providers come with its settings. Make them optional: of a plain `imports: [Module]`, Nest only names the first of them
 * that is missing.
 *
 * @throws InvalidOptionError when there are none.
 */
export function assertHasSettings(settings: object | undefined, name: string, ways = ['forRoot']): void {
  if (settings) return;
  const expected = ways.map((way) => `${name}.${way}()`).join(' or ');
  const message = `${name} is imported without settings. Write ${expected} among the 'imports'.`;
  throw new InvalidOptionError('imports', undefined, expected, message);
}
