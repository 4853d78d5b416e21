import type { ModulesContainer } from '@nestjs/core';

type Opener = () => Promise<void>;

const openers = new WeakMap<object, Opener[]>();

/**
 * What is to be opened after the databases of an application, before any of its hooks runs. For modules of the library that are beside
 * `SteppingModule`, which need not be global: they cannot inject anything of it.
 */
export function openersOf(modules: Pick<ModulesContainer, 'values'>): Opener[] {
  let list = openers.get(modules);
  if (!list) openers.set(modules, (list = []));
  return list;
}
