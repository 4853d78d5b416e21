import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attacks } from '../../proof/src/attacks/index.js';
import { BuildCopy } from '../../proof/src/build-copy.js';
import { hasDtm } from '../../proof/src/dtm-server.js';
import { Random } from '../../proof/src/random.js';
import { nameOf, type Placement } from '../../proof/src/target.js';
import { FORBIDDEN, type Verdict } from '../../proof/src/verdict.js';
import { backends } from '../support/database.js';

/**
 * The short form of `npm run proof`: each attack for a few seconds, each database and each place of the jobs several
 * times. `PROOF_SEED` repeats the schedules of a run.
 */
const repository = process.env.PROOF_ROOT ?? fileURLToPath(new URL('../../', import.meta.url));
const seed = Number(process.env.PROOF_SEED ?? Date.now() % 1_000_000);

/** Where each attack goes, and for how many seconds. */
const PLACES: Readonly<Record<string, { seconds: number; places: Readonly<Record<string, Placement[]>> }>> = {
  kill: {
    seconds: 4,
    places: { postgres: ['one', 'two', 'dtm'], mariadb: ['one', 'two'], sqlite: ['one', 'two'] },
  },
  faults: { seconds: 6, places: { postgres: ['one', 'dtm'], mariadb: ['two'], sqlite: ['one'] } },
  races: { seconds: 3, places: { postgres: ['one'], mariadb: ['one'], sqlite: ['two'] } },
  shutdown: { seconds: 3, places: { postgres: ['two'], mariadb: ['one'], sqlite: ['one'] } },
  silence: { seconds: 1, places: { postgres: ['one'], mariadb: ['one'] } },
  waits: { seconds: 1, places: { postgres: ['one'], mariadb: ['one'] } },
  poison: { seconds: 4, places: { postgres: ['one'], mariadb: ['one'], sqlite: ['one'] } },
  pool: { seconds: 1, places: { postgres: ['one'], mariadb: ['two'] } },
  slow: { seconds: 1, places: { postgres: ['two'], sqlite: ['one'] } },
  operator: { seconds: 6, places: { postgres: ['two'], mariadb: ['one'], sqlite: ['one'] } },
  events: { seconds: 1, places: { postgres: ['one'] } },
  load: { seconds: 2, places: { postgres: ['one'], mariadb: ['one'], sqlite: ['one'] } },
};
const MEMORY_LIMIT_MB = 600;

let copy: BuildCopy;
beforeAll(() => {
  console.log(`the proof's seed: ${seed}`);
  copy = BuildCopy.create(repository);
});
afterAll(() => copy?.remove());

for (const { backend, skipReason } of backends) {
  const skipped = skipReason === undefined ? '' : ` (skipped: ${skipReason})`;
  describe.skipIf(skipReason !== undefined)(`the library under attack [${backend}]${skipped}`, () => {
    const cases = attacks.flatMap((attack) => {
      const { seconds, places } = PLACES[attack.name]!;
      return (places[backend] ?? []).map((placement) => ({
        attack,
        seconds,
        target: { backend, placement },
      }));
    });
    for (const { attack, seconds, target } of cases) {
      const noDtm = target.placement === 'dtm' && !hasDtm(repository);
      const lacks = noDtm
        ? 'no DTM server: run `node scripts/build-dtm.mjs`, which needs Go'
        : attack.lacks?.();
      const why = lacks === undefined ? '' : ` (skipped: ${lacks})`;
      it.skipIf(lacks !== undefined)(
        `${attack.name}: ${nameOf(target)}${why}`,
        { timeout: 480_000 },
        async () => {
          const found: { verdict: Verdict; figures: Readonly<Record<string, unknown>> }[] = [];
          const surroundings = {
            repository,
            root: copy.root,
            servers: { postgres: process.env.DATABASE_URL, mariadb: process.env.MYSQL_URL },
            own: {},
            rate: 30,
          };
          const report = (verdict: Verdict, figures = {}) => void found.push({ verdict, figures });
          await attack.run({ target, random: new Random(seed), seconds, surroundings, report });
          expect(found).toHaveLength(1);
          const { verdict, figures } = found[0]!;
          const { forbidden, violations } = verdict;
          const nothing = Object.fromEntries(FORBIDDEN.map((kind) => [kind, 0]));
          expect({ forbidden, violations }, JSON.stringify(figures)).toEqual({
            forbidden: nothing,
            violations: [],
          });
          expect(verdict.committed).toBeGreaterThan(0);
          expect(figures.settled).toBe(true);
          if (attack.name === 'load') expect(figures.largestMemoryMb).toBeLessThan(MEMORY_LIMIT_MB);
        },
      );
    }
  });
}
