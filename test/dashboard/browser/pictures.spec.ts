import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from '../../support/dashboard.js';
import { tellOfProcesses, type Seeded } from '../../support/shop/seed.js';
import { describeShop } from '../../support/shop/describe-shop.js';
import { PAGES, WatchedPage } from '../../support/watched-page.js';

const FOLDER = fileURLToPath(new URL('../../../docs/pictures/', import.meta.url));
const writes = process.env.STEPPING_WRITE_PICTURES === '1';

/** Of all of them: they are in the repository. */
const MAX_BYTES = 1_500_000;

const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1120, height: 720 } },
  dark: { colorScheme: 'dark', viewport: { width: 1120, height: 720 } },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 740 } },
} as const;

let browser: Browser;
let shop: Shop;
let seeded: Seeded;
let bytes = 0;

describeShop(
  'pictures of the dashboard',
  (scene) => ({ browser, shop, seeded } = scene),
  () => {
    describe.each(['light', 'dark', 'narrow'] as const)('%s', (look) => {
      let watched: WatchedPage;
      beforeAll(async () => {
        watched = await WatchedPage.open(browser, shop.url, LOOKS[look]);
      });
      afterAll(() => watched?.close());

      it.each([...PAGES, 'job'] as const)('of %s', async (name) => {
        await tellOfProcesses(shop);
        await watched.show(name === 'job' ? `jobs/${seeded.declined[0]!}` : name);
        // What is told of processes may be two seconds old.
        if (name === 'processes') await watched.page.getByText('2 alive').waitFor();
        const picture = await watched.page.screenshot();
        bytes += picture.length;
        if (!writes) return;
        await mkdir(FOLDER, { recursive: true });
        await writeFile(`${FOLDER}dashboard-${name}-${look}.png`, picture);
      });
    });

    it('take little room', () => {
      expect(bytes).toBeGreaterThan(0);
      expect(bytes).toBeLessThan(MAX_BYTES);
    });
  },
);
