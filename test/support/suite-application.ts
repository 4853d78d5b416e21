import { afterAll, beforeAll } from 'vitest';
import { TestApplication, type ApplicationOptions } from './application.js';
import type { Backend } from './database.js';
import { Databases, type Placement } from './placements.js';

export interface SuiteApplication {
  readonly databases: Databases;
  readonly app: TestApplication;
}

/** One application for all tests of the suite, on databases of its own. `take` gets it before the first of them. */
export function suiteApplication(
  backend: Backend,
  placement: Placement,
  take: (started: SuiteApplication) => void,
  options: ApplicationOptions = {},
): void {
  let databases: Databases | undefined;
  let app: TestApplication | undefined;
  beforeAll(async () => {
    databases = await Databases.create(backend, placement);
    app = await TestApplication.start(databases, options);
    take({ databases, app });
  });
  afterAll(async () => {
    await app?.close();
    await databases?.drop();
  });
}
