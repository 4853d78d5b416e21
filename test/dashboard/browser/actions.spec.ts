import type { Browser, Locator } from 'playwright-core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Shop, SHOP_ACTOR } from '../../support/dashboard.js';
import type { Seeded } from '../../support/shop/seed.js';
import { describeShop } from '../../support/shop/describe-shop.js';
import { waitFor } from '../../support/wait-for.js';
import { WatchedPage } from '../../support/watched-page.js';

let browser: Browser;
let shop: Shop;
let seeded: Seeded;
let watched: WatchedPage;

describeShop(
  'what is done on the page',
  (scene) => ({ browser, shop, seeded } = scene),
  () => {
    beforeEach(async () => {
      watched = await WatchedPage.open(browser, shop.url);
    });
    afterEach(() => watched.close());

    const button = (name: string | RegExp): Locator => watched.page.getByRole('button', { name });
    const dialog = (): Locator => watched.page.getByRole('dialog');
    const confirm = async (name: string | RegExp, reason?: string): Promise<void> => {
      if (reason) await dialog().getByLabel('Reason').fill(reason);
      await dialog().getByRole('button', { name }).click();
      await dialog().waitFor({ state: 'detached' });
    };
    const lastEntry = async () => (await shop.admin.audit({ limit: 1 })).entries[0];

    it('retries a job', async () => {
      const gid = seeded.declined[0]!;
      await mend(gid);
      await watched.show(`jobs/${gid}`);
      await button('Retry now').click();
      await confirm('Retry 1 job', 'Another card');
      await shop.until(gid, ({ steps }) => steps[1]!.status === 'succeeded');
      await watched.page.getByText('notify-warehouse').first().waitFor();
      expect(await lastEntry()).toMatchObject({
        action: 'retry',
        gid,
        by: SHOP_ACTOR,
        reason: 'Another card',
      });
    });

    it('retries a job with edited arguments, of which the masked ones stay', async () => {
      const gid = seeded.declined[1]!;
      await watched.show(`jobs/${gid}`);
      await button(/^Edit and retry/).click();
      const field = dialog().getByLabel('Arguments, as JSON');
      await waitFor(async () => (await field.inputValue()).includes('"orderId"'));
      const args = JSON.parse(await field.inputValue()) as { orderId: string; cardToken: string };
      expect(args.cardToken).not.toContain('tok_');
      await field.fill(JSON.stringify({ ...args, orderId: 'A-mended' }));
      await confirm('Retry 1 job', 'The wrong order');
      await shop.until(gid, ({ steps }) => steps[1]!.status === 'succeeded');
      expect(shop.surroundings.done).toContain('charge-card:A-mended');
      const [row] = await shop.database.query<{ steps: string }>(
        'SELECT steps FROM stepping_jobs WHERE gid = $1',
        [gid],
      );
      expect(row!.steps).toContain(`tok_${args.orderId}`);
    });

    it('skips a step', async () => {
      const gid = seeded.untaxable[0]!;
      await watched.show(`jobs/${gid}`);
      await button(/^Skip step/).click();
      await confirm('Skip 1 step', 'Written by hand');
      await shop.until(gid, ({ steps }) => steps[3]!.status === 'skipped');
      expect(await lastEntry()).toMatchObject({ action: 'skip', gid, by: SHOP_ACTOR });
    });

    it('cancels a job', async () => {
      const gid = seeded.delayed;
      await watched.show(`jobs/${gid}`);
      await button(/^Cancel job/).click();
      await confirm('Cancel 1 job', 'Not wanted');
      await shop.until(gid, ({ status }) => status === 'canceled');
      await watched.page.getByText('Canceled', { exact: true }).first().waitFor();
    });

    it('skips no other step than the one that the dialog was opened for', async () => {
      const gid = seeded.untaxable[1]!;
      await watched.show(`jobs/${gid}`);
      await button(/^Skip step/).click();
      // Somebody else retries the job: it goes on to the next step, which is paused.
      await mend(gid, shop.surroundings.untaxable);
      await shop.admin.retry(gid);
      await shop.until(gid, ({ steps }) => steps[3]!.status === 'succeeded');
      await watched.polls('job', 2);
      await dialog().getByLabel('Reason').fill('Written by hand');
      await dialog().getByRole('button', { name: 'Skip 1 step' }).click();
      await dialog().getByRole('alert').getByText(/./).waitFor();
      expect(await dialog().getByRole('heading').textContent()).toBe('Skip create-invoice');
      expect((await shop.admin.find(gid))!.steps[4]!.status).toBe('waiting');
    });

    it('acts on the filter that was counted, whatever the address says meanwhile', async () => {
      await watched.show('jobs');
      await watched.page.goto(`${shop.url}#/jobs?status=failed`);
      await watched.page.goto(`${shop.url}#/jobs?status=failed&step=charge-card`);
      await watched.settled();
      await button(/^Cancel all that match/).click();
      await dialog()
        .getByText(/step charge-card/)
        .waitFor();
      await watched.page.evaluate('history.back()');
      await waitFor(() => !watched.page.url().includes('charge-card'));
      await watched.polls('jobs', 1);
      expect(
        await dialog()
          .getByText(/step charge-card/)
          .count(),
      ).toBe(1);
    });

    it('keeps what is typed into a filter of the audit while it polls', async () => {
      await watched.show('audit');
      const who = watched.page.getByLabel('Who');
      await who.pressSequentially('grace');
      await watched.polls('audit', 2);
      expect(await who.inputValue()).toBe('grace');
      await who.press('Enter');
      await waitFor(() => watched.page.url().includes('by=grace'));
      await watched.page.getByText('No entry fits these filters').waitFor();
      await watched.page.getByRole('link', { name: 'Clear' }).click();
      await waitFor(async () => (await who.inputValue()) === '');
    });

    it('works from an address with a password in it', async () => {
      await watched.page.goto(shop.url.replace('//', '//ada:secret@'));
      await watched.settled();
    });

    it('shows what an action has changed before it polls again', async () => {
      const rare = await Shop.open({ dashboard: { refresh: '10m' } });
      const page = await WatchedPage.open(browser, rare.url);
      try {
        await page.show('steps');
        await page.page.getByRole('button', { name: 'Pause create-invoice' }).click();
        await page.page.getByRole('dialog').getByLabel('Reason').fill('The tax office is closed');
        await page.page.getByRole('dialog').getByRole('button', { name: 'Pause create-invoice' }).click();
        await page.page.getByRole('button', { name: 'Resume create-invoice' }).waitFor();
      } finally {
        await page.close();
        await rare.close();
      }
    });

    it('pauses a step, takes it back, and resumes another one', async () => {
      const paused = async () => Object.keys((await shop.operations.overview()).paused).sort();
      await watched.show('steps');
      await button('Pause create-invoice').click();
      await confirm('Pause create-invoice', 'The tax office is closed');
      await waitFor(async () => (await paused()).includes('create-invoice'));
      await button('Undo').click();
      await waitFor(async () => !(await paused()).includes('create-invoice'));
      await button('Resume notify-warehouse').click();
      await confirm('Resume notify-warehouse');
      await waitFor(async () => (await paused()).length === 0);
      for (const gid of seeded.waiting) await shop.until(gid, ({ status }) => status === 'succeeded');
    });

    it('retries all that match, and says how many before', async () => {
      const left = seeded.declined.slice(2);
      for (const gid of left) await mend(gid);
      await watched.show('jobs');
      await watched.page.goto(`${shop.url}#/jobs?status=failed&step=charge-card`);
      await watched.settled();
      await button(/^Retry all that match/).click();
      await confirm(`Retry ${left.length} jobs`, 'The provider is back');
      for (const gid of left) await shop.until(gid, ({ status }) => status === 'succeeded');
      expect(await lastEntry()).toMatchObject({
        ...{ action: 'retry', gid: null, count: left.length, reason: 'The provider is back', by: SHOP_ACTOR },
      });
      await watched.show('audit');
      await watched.page.getByRole('cell', { name: `Retried ${left.length} jobs` }).waitFor();
    });

    async function mend(gid: string, broken = shop.surroundings.declined): Promise<void> {
      const { name } = (await shop.admin.find(gid))!;
      broken.delete(name!.replace('order ', ''));
    }
  },
);
