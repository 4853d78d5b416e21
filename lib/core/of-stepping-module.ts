import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { InvalidOptionError } from '../errors/index.js';

/**
 * What `SteppingModule` exports, which need not be global.
 *
 * @param wantedBy the module that needs it, for the error.
 * @throws InvalidOptionError when the application does not import `SteppingModule`.
 */
export function ofSteppingModule<T>(
  moduleRef: ModuleRef,
  type: abstract new (...args: any[]) => T,
  wantedBy: string,
): T {
  try {
    return moduleRef.get<T>(type as Type<T>, { strict: false });
  } catch {
    throw new InvalidOptionError(
      'imports',
      undefined,
      'SteppingModule',
      `${wantedBy} found no ${type.name}: import SteppingModule.forRoot() in the application as well.`,
    );
  }
}
