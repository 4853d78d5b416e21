import { describe } from 'vitest';
import { describeBackends, type Backend } from '../support/database.js';

/** Where the jobs of a test are, and which database the application has. */
export interface Place {
  readonly store: 'memory' | 'typeorm';
  readonly backend: Backend;
}

/** `describe` for jobs in memory and in the application's own database, on each of its databases. */
export function describePlaces(title: string, suite: (place: Place) => void): void {
  for (const store of ['memory', 'typeorm'] as const) {
    describe(`${title} (store: ${store})`, () => {
      describeBackends('on', (backend) => suite({ store, backend }));
    });
  }
}
