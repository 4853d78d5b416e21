import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Shop } from '../../support/dashboard.js';
import type { Seeded } from '../../support/shop/seed.js';
import { describeShop } from '../../support/shop/describe-shop.js';
import { PAGES, WatchedPage, type PageName } from '../../support/watched-page.js';

let browser: Browser;
let shop: Shop;
let seeded: Seeded;

/** What axe finds to be serious or critical, in words. */
async function problems({ page }: WatchedPage): Promise<string[]> {
  if (await page.evaluate('globalThis.axe === undefined')) await page.evaluate(axe.source);
  const { violations } = (await page.evaluate(`axe.run({ resultTypes: ['violations'] })`)) as axe.AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}

describeShop(
  'everybody can use the page',
  (scene) => ({ browser, shop, seeded } = scene),
  () => {
    const all = (): PageName[] => [
      ...PAGES,
      ...[seeded.declined[0]!, seeded.failing[0]!, seeded.succeeded[0]!].map((gid) => `jobs/${gid}` as const),
    ];

    describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
      let watched: WatchedPage;
      beforeAll(async () => {
        watched = await WatchedPage.open(browser, shop.url, { colorScheme });
      });
      afterAll(() => watched?.close());

      it('axe finds nothing serious on any page', async () => {
        for (const page of all()) {
          await watched.show(page);
          expect({ page, problems: await problems(watched) }).toEqual({ page, problems: [] });
        }
      });

      it('axe finds nothing serious in any dialog', async () => {
        const failed = `jobs/${seeded.declined[0]!}` as const;
        const dialogs: readonly (readonly [PageName, RegExp])[] = [
          [failed, /^Retry now/],
          [failed, /^Edit and retry/],
          [failed, /^Skip step/],
          [failed, /^Cancel job/],
          ['jobs', /^Retry all that match/],
          ['jobs', /^Cancel all that match/],
          ['steps', /^Pause charge-card/],
          ['steps', /^Resume notify-warehouse/],
        ];
        for (const [page, name] of dialogs) {
          await watched.show(page);
          await watched.page.getByRole('button', { name }).click();
          await watched.page.getByRole('dialog').waitFor();
          expect({ name, problems: await problems(watched) }).toEqual({ name, problems: [] });
          await watched.page.keyboard.press('Escape');
          await watched.page.getByRole('dialog').waitFor({ state: 'detached' });
        }
      });
    });

    it('no page is wider than a narrow screen', async () => {
      const watched = await WatchedPage.open(browser, shop.url, { viewport: { width: 360, height: 740 } });
      for (const page of all()) {
        await watched.show(page);
        const beyond = await watched.page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect({ page, beyond: Math.max(0, beyond as number) }).toEqual({ page, beyond: 0 });
      }
      await watched.close();
    });

    it('a failed job can be retried with the keyboard alone', async () => {
      const gid = seeded.declined[0]!;
      const order = (await shop.admin.find(gid))!.name!.replace('order ', '');
      shop.surroundings.declined.delete(order);
      const { page, ...watched } = await WatchedPage.open(browser, shop.url);
      await page.goto(watched.url);
      await page.locator('main h1').waitFor();
      const focused = `(() => { const { href = '', innerText = '' } = document.activeElement; return href + ' ' + innerText.trim(); })()`;
      const tabTo = async (is: (what: string) => boolean): Promise<void> => {
        for (let at = 0; at < 200; at += 1) {
          await page.keyboard.press('Tab');
          if (is((await page.evaluate(focused)) as string)) return;
        }
        throw new Error('The keyboard does not get there');
      };
      await tabTo((what) => what.endsWith(' Jobs'));
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: /^Failed/ }).waitFor();
      await tabTo((what) => /status=failed/.test(what));
      await page.keyboard.press('Enter');
      await page.getByText(`order ${order}`).waitFor();
      await tabTo((what) => what.includes(gid));
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Retry now' }).waitFor();
      await tabTo((what) => what.endsWith('Retry now'));
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.type('The customer has another card');
      await page.keyboard.press('Enter');
      await shop.until(gid, ({ steps }) => steps[1]!.status === 'succeeded');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.context().close();
    });
  },
);
