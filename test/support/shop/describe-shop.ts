import type { Browser } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { describeChromium } from '../chromium.js';
import { Shop, type ShopOptions } from '../dashboard.js';
import { seed, type Seeded } from './seed.js';

/** What tests on the pages of a shop work with. */
export interface ShopScene {
  readonly browser: Browser;
  readonly shop: Shop;
  readonly seeded: Seeded;
}

/** `describeChromium()` for tests on a shop with a history. `take` gets both before the first of them. */
export function describeShop(
  title: string,
  take: (scene: ShopScene) => void,
  suite: () => void,
  options: ShopOptions = {},
): void {
  let browser: Browser;
  let shop: Shop | undefined;
  describeChromium(
    title,
    (one) => (browser = one),
    () => {
      beforeAll(async () => {
        shop = await Shop.open(options);
        take({ browser, shop, seeded: await seed(shop) });
      });
      afterAll(() => shop?.close());
      suite();
    },
  );
}
