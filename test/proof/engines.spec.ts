import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuildCopy } from '../../proof/src/build-copy.js';
import { crashRun } from '../../proof/src/engines/crash-run.js';
import { engines } from '../../proof/src/engines/index.js';
import { FORBIDDEN } from '../../proof/src/verdict.js';

/**
 * The short form of `npm run engines:<name>`: a few seconds of kills, without the suites. `PROOF_ENGINES=galera` runs one that is left out
 * otherwise; `PROOF_SEED` repeats the schedule of a run.
 */
const repository = process.env.PROOF_ROOT ?? fileURLToPath(new URL('../../', import.meta.url));
const seed = Number(process.env.PROOF_SEED ?? Date.now() % 1_000_000);
const chosen = process.env.PROOF_ENGINES?.split(',') ?? [];
const SECONDS = 6;

let copy: BuildCopy;
beforeAll(() => {
  console.log(`the seed of the engines: ${seed}`);
  copy = BuildCopy.create(repository);
});
afterAll(() => copy?.remove());

for (const engine of engines) {
  const { name, byHand, placements = ['one'] } = engine;
  const lacks = engine.lacks() ?? (chosen.includes(name) ? undefined : byHand);
  const why = lacks === undefined ? '' : ` (skipped: ${lacks})`;
  describe.skipIf(lacks !== undefined)(`processes and servers that are killed: ${name}${why}`, () => {
    it('no job is lost, and none runs twice', { timeout: 900_000 }, async () => {
      const running = await engine.start({ repository, log: console.log });
      try {
        const settings = { repository, root: copy.root, rate: 30, seed };
        for (const placement of placements) {
          const run = { ...settings, name, placement, seconds: SECONDS };
          const { verdict, figures, clean } = await crashRun(running, run);
          const { forbidden, violations } = verdict;
          const nothing = Object.fromEntries(FORBIDDEN.map((kind) => [kind, 0]));
          expect({ forbidden, violations }, JSON.stringify(figures)).toEqual({
            forbidden: nothing,
            violations: [],
          });
          expect(clean, JSON.stringify(figures)).toBe(true);
          expect(verdict.committed).toBeGreaterThan(0);
          if (running.disturb) expect(figures.disturbed).toBeGreaterThan(0);
        }
        const further = await running.further?.(settings);
        expect(further?.clean ?? true, further?.lines.join('\n')).toBe(true);
      } finally {
        await running.stop();
      }
    });
  });
}
