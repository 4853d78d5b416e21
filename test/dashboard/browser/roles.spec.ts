import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Shop } from '../../support/dashboard.js';
import type { Seeded } from '../../support/shop/seed.js';
import { describeShop } from '../../support/shop/describe-shop.js';
import { PAGES, WatchedPage } from '../../support/watched-page.js';

const ACTS = /retry|skip|cancel|edit|pause|resume|release/i;

let browser: Browser;
let shop: Shop;
let seeded: Seeded;
let watched: WatchedPage;

describeShop(
  'somebody who may only read',
  (scene) => ({ browser, shop, seeded } = scene),
  () => {
    beforeAll(async () => {
      watched = await WatchedPage.open(browser, shop.url);
    });
    afterAll(() => watched?.close());

    it('is shown no button that acts, on any page', async () => {
      const { declined, failing, waiting, running } = seeded;
      const jobs = [declined, failing, waiting, [running]].map(([gid]) => `jobs/${gid}` as const);
      for (const page of [...PAGES, ...jobs]) {
        await watched.show(page);
        const names = await watched.page.getByRole('button', { name: ACTS }).allInnerTexts();
        expect({ page, names }).toEqual({ page, names: [] });
        expect(await watched.page.getByRole('checkbox').count()).toBe(0);
      }
    });

    it('is refused by the server, whatever the page sends', async () => {
      await watched.show('jobs');
      const gid = seeded.declined[0]!;
      const before = await shop.admin.find(gid);
      const bulk = { filter: { status: 'failed' }, reason: 'all of them', dryRun: false };
      for (const [path, body] of Object.entries({
        retry: { gid },
        cancel: { gid },
        skip: { gid, step: 1, reason: 'not needed' },
        'retry-all': bulk,
        'cancel-all': bulk,
        pause: { step: 'charge-card', reason: 'closed' },
        resume: { step: 'notify-warehouse' },
      })) {
        const status = await watched.page.evaluate(
          `fetch('stepping/api/${path}', { method: 'POST', headers: { 'content-type': 'application/json' },
             body: ${JSON.stringify(JSON.stringify(body))} }).then(({ status }) => status)`,
        );
        expect({ path, status }).toEqual({ path, status: 403 });
      }
      expect(await shop.admin.find(gid)).toEqual(before);
      expect(Object.keys((await shop.operations.overview()).paused)).toEqual(['notify-warehouse']);
    });
  },
  { dashboard: { access: 'read' } },
);
