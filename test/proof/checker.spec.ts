import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { attackSabotages, attackWithout, play, sabotages } from '../../proof/src/sabotage.js';
import { FORBIDDEN, isClean } from '../../proof/src/verdict.js';

/**
 * What the checker of the proof is worth: with a guarantee taken out of a copy of the library it must say so, and
 * at the same moment with the library as it is it must find nothing.
 */
const postgres = process.env.DATABASE_URL;
const repository = process.env.PROOF_ROOT ?? fileURLToPath(new URL('../../', import.meta.url));
const title = 'the checker of the proof [postgres]';

describe.skipIf(!postgres)(
  postgres ? title : `${title} (skipped: no PostgreSQL: DATABASE_URL is not set)`,
  () => {
    const surroundings = { repository, servers: { postgres }, own: {}, rate: 60 };

    it.for(sabotages)('reports $name', { timeout: 60_000 }, async (sabotage) => {
      const verdict = await play(sabotage, surroundings, true);
      expect(verdict.forbidden[sabotage.reported], JSON.stringify(verdict)).toBeGreaterThan(0);
    });

    for (const sabotage of attackSabotages) {
      const lacks = sabotage.attack.lacks?.();
      const why = lacks === undefined ? '' : ` (skipped: ${lacks})`;
      it.skipIf(lacks !== undefined)(`sees ${sabotage.name}${why}`, { timeout: 480_000 }, async () => {
        const { shown, found } = await attackWithout(sabotage, surroundings);
        expect(shown, found).toBe(true);
      });
    }

    it.for(sabotages)(
      'finds nothing where the library is whole, not: $name',
      { timeout: 60_000 },
      async (sabotage) => {
        const verdict = await play(sabotage, surroundings, false);
        expect(isClean(verdict), JSON.stringify(verdict)).toBe(true);
        expect(FORBIDDEN.map((kind) => verdict.forbidden[kind])).toEqual(FORBIDDEN.map(() => 0));
        expect(verdict.committed).toBe(1);
      },
    );
  },
);
