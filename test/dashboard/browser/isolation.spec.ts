import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeChromium } from '../../support/chromium.js';
import { Shop } from '../../support/dashboard.js';
import { seed, type Seeded } from '../../support/shop/seed.js';
import { PAGES, WatchedPage } from '../../support/watched-page.js';

const FORBIDDEN = `
  document.body.setAttribute('style', 'color: red');
  document.body.append(Object.assign(document.createElement('img'), { src: 'https://elsewhere.example/pixel.gif' }));`;

let browser: Browser;

describeChromium(
  'the page',
  (one) => (browser = one),
  () => {
    describe.each(['express', 'fastify'] as const)('on %s', (platform) => {
      let shop: Shop;
      let seeded: Seeded;
      let watched: WatchedPage;

      beforeAll(async () => {
        shop = await Shop.open({ platform });
        seeded = await seed(shop);
        watched = await WatchedPage.open(browser, shop.url);
      });
      afterAll(async () => {
        await watched?.close();
        await shop?.close();
      });

      it('keeps its own policy, and asks nobody but its own host', async () => {
        for (const page of PAGES) await watched.show(page);
        for (const gid of [seeded.declined[0]!, seeded.waiting[0]!, seeded.succeeded[0]!]) {
          await watched.show(`jobs/${gid}`);
          for (const button of await watched.page.getByRole('button', { name: /arguments/i }).all())
            await button.click();
        }
        await watched.polls('job', 2);
        expect(watched.complaints).toEqual([]);
        const hosts = new Set(watched.requests.map((request) => new URL(request.url()).origin));
        expect([...hosts].filter((origin) => origin !== 'null')).toEqual([shop.origin]);
      });

      it('has a policy that the browser enforces', async () => {
        await watched.show('overview');
        const before = watched.complaints.length;
        await watched.page.evaluate(FORBIDDEN);
        await expect
          .poll(() => watched.complaints.slice(before).join('\n'), { timeout: 60_000 })
          .toMatch(/style-src.*[\s\S]*img-src|img-src[\s\S]*style-src/);
      });
    });
  },
);
