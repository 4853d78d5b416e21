import type { Browser, Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { Shop } from '../../support/dashboard.js';
import type { Seeded } from '../../support/shop/seed.js';
import { describeShop } from '../../support/shop/describe-shop.js';
import { PAGES, WatchedPage } from '../../support/watched-page.js';
import { waitFor } from '../../support/wait-for.js';

const TABS = 50;
/** A snapshot is good for two seconds. Timers and clocks do not agree to the millisecond. */
const APART_MS = 1990;

/** The browser runs hidden itself and hides no tab, so the page is told what a browser tells one that is hidden. */
const hide = (hidden: boolean) => `
  Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
  Object.defineProperty(document, 'visibilityState', { value: '${hidden ? 'hidden' : 'visible'}', configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));`;

/** With another digit a number in a column begins further left, and what stands behind an age goes on further right. */
const OBSERVE_SHIFTS = `
  globalThis.shifts = [];
  const isBesideDigits = ({ node }) => node?.parentElement?.matches('td.number, time, :has(> time)');
  const take = (entries) => {
    for (const { value, sources } of entries)
      if (!sources.every(isBesideDigits)) shifts.push(value.toFixed(5) + ' ' + sources.map(({ node }) => (node?.parentElement ?? node)?.outerHTML?.slice(0, 160)).join(' | '));
  };
  const observer = new PerformanceObserver((list) => take(list.getEntries()));
  observer.observe({ type: 'layout-shift' });
  const outline = () => [...document.querySelectorAll('main h2, main tbody .step-link')].map((part) => part.textContent).join();
  const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  // A change and the shift that it makes are a frame apart, and the observer is told later still.
  globalThis.look = async () => {
    let parts;
    do {
      parts = outline();
      await frame();
      take(observer.takeRecords());
    } while (outline() !== parts);
    return { parts, shifts: shifts.splice(0) };
  };`;

/** What the page consists of, and what has moved since one looked last. */
interface Look {
  readonly parts: string;
  readonly shifts: readonly string[];
}

let browser: Browser;
let shop: Shop;
let seeded: Seeded;

describeShop(
  'a page that is looked at',
  (scene) => ({ browser, shop, seeded } = scene),
  () => {
    it(
      'is one of fifty, for which one snapshot is made in two seconds at most',
      { timeout: 300_000 },
      async () => {
        // As often as by default: what so many tabs take of the browser is no matter of this test.
        const popular = await Shop.open({ dashboard: { refresh: '5s' } });
        const snapshots: number[] = [];
        const overview = popular.operations.overview.bind(popular.operations);
        vi.spyOn(popular.operations, 'overview').mockImplementation(() => {
          snapshots.push(performance.now());
          return overview();
        });
        const first = await WatchedPage.open(browser, popular.url);
        const context = first.page.context();
        const asking = new Map<Page, number>();
        context.on('request', (request) => {
          const tab = request.frame().page();
          if (request.url().endsWith('/api/overview')) asking.set(tab, 1 + (asking.get(tab) ?? 0));
        });
        await first.show('overview');
        for (let tab = 1; tab < TABS; tab += 1)
          await (await context.newPage()).goto(popular.url, { waitUntil: 'commit', timeout: 60_000 });
        asking.clear();
        const before = snapshots.length;
        await waitFor(
          () => asking.size === TABS && Math.min(...asking.values()) >= 2 && snapshots.length >= before + 2,
          { timeout: 180_000, message: () => [...asking.values()] },
        );
        const gaps = snapshots.slice(1).map((at, index) => at - snapshots[index]!);
        expect(Math.min(...gaps)).toBeGreaterThan(APART_MS);
        await first.close();
        await popular.close();
      },
    );

    it('asks nothing for thirty seconds while it is hidden, and at once when it is seen again', async () => {
      const watched = await WatchedPage.open(browser, shop.url);
      await watched.page.clock.install();
      for (const page of [...PAGES, `jobs/${seeded.failing[0]!}` as const]) {
        await watched.show(page);
        const before = watched.requests.length;
        await watched.page.clock.runFor(5000);
        await waitFor(() => watched.requests.length > before, { message: `a poll of ${page}` });
        await watched.page.evaluate(hide(true));
        await watched.page.waitForLoadState('networkidle');
        const hidden = watched.requests.length;
        await watched.page.clock.runFor(30_000);
        await watched.page.waitForLoadState('networkidle');
        expect({ page, asked: watched.requests.length - hidden }).toEqual({ page, asked: 0 });
        await watched.page.evaluate(hide(false));
        await waitFor(() => watched.requests.length > hidden, {
          message: `a request of ${page} that is seen`,
        });
      }
      await watched.close();
    });

    it.each([...PAGES, 'job'] as const)('does not move when new numbers come: %s', async (name) => {
      const watched = await WatchedPage.open(browser, shop.url, { viewport: { width: 1280, height: 1600 } });
      const gid = seeded.failing[0]!;
      await watched.show(name === 'job' ? `jobs/${gid}` : name);
      await watched.polls(name, 1);
      await watched.page.evaluate(OBSERVE_SHIFTS);
      const look = () => watched.page.evaluate<Look>('look()');
      const shifts: string[] = [];
      for (let { parts } = await look(), polls = 0; polls < 4;) {
        // Jobs that are new come on top of the lists of these two, and move the others down.
        if (name !== 'jobs' && name !== 'overview') await shop.order(`B-${name}-${polls}`);
        await watched.polls(name, 1);
        const seen = await look();
        if (seen.parts === parts) {
          shifts.push(...seen.shifts);
          polls += 1;
        } else {
          // What needs attention now, and did not before, takes its place; a step that is busier now is above others.
          ({ parts } = seen);
        }
      }
      expect(shifts).toEqual([]);
      await watched.close();
    });
  },
);
