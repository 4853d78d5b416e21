import { join } from 'node:path';
import { Application, LogLevel, Logger, ReflectionKind, TypeDocReader } from 'typedoc';
import { expect, it } from 'vitest';
import { root } from './entry-points.js';

/** Keeps what typedoc has to say. */
class Messages extends Logger {
  readonly texts: string[] = [];

  protected override addContext(message: string, level: LogLevel, ..._place: unknown[]): string {
    if (level >= LogLevel.Warn) this.texts.push(message);
    return message;
  }
}

it(
  'the API reference is made without a warning, and names what an application starts with',
  { timeout: 120_000 },
  async () => {
    const app = await Application.bootstrap({ options: join(root, 'typedoc.json') }, [new TypeDocReader()]);
    const messages = new Messages();
    app.logger = messages;
    const project = await app.convert();
    expect(project).toBeDefined();
    app.validate(project!);
    expect(messages.texts).toEqual([]);

    const names = project!.getReflectionsByKind(ReflectionKind.All).map(({ name }) => name);
    for (const name of [
      'SteppingModule',
      'DistributedJobFactory',
      'Step',
      'selfTm',
      'dtm',
      'SteppingTesting',
    ]) {
      expect(names).toContain(name);
    }
    // Constructors that only the library calls are no part of it.
    expect(names).not.toContain('new DistributedJobFactory');
  },
);
