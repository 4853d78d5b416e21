import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BuildCopy } from '../../proof/src/build-copy.js';
import { Random } from '../../proof/src/random.js';
import { Scene } from '../../proof/src/scene.js';
import { isClean } from '../../proof/src/verdict.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));
let copy: BuildCopy;
beforeAll(() => {
  copy = BuildCopy.create(repository);
});
afterAll(() => copy?.remove());

/** Otherwise the proof ends the process before the job has had its turn, and blames the library. */
it(
  'a scene has settled only once the jobs that are being placed have been',
  { timeout: 60_000 },
  async () => {
    const surroundings = { repository, root: copy.root, servers: {}, own: {}, rate: 0 };
    const scene = await Scene.open({ backend: 'sqlite', placement: 'two' }, new Random(1), surroundings, {
      processes: 1,
    });
    try {
      await scene.start();
      const client = scene.client('k');
      client.place({ order: 'last', ownGid: true, fate: 'commit', steps: [{ kind: 'append', work: 0 }] });
      expect(await scene.settle(20_000)).toBe(true);
      const verdict = await scene.judge();
      expect(isClean(verdict), JSON.stringify(verdict)).toBe(true);
      expect(verdict.committed).toBe(1);
    } finally {
      await scene.close();
    }
  },
);
