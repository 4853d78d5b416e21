import { accessSync, constants } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { backends } from './database.js';

const binary = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';

/** Why no test runs in Chromium; undefined: they run. */
const skipReason = whyNot() ?? backends.find(({ backend }) => backend === 'postgres')?.skipReason;

/** `describe` for tests that look at pages in Chromium, with the numbers in PostgreSQL. `take` gets the browser before the first of them. */
export function describeChromium(title: string, take: (browser: Browser) => void, suite: () => void): void {
  if (skipReason) {
    describe.skip(`${title} (skipped: ${skipReason})`, suite);
    return;
  }
  describe(title, () => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      const { chromium } = await import('playwright-core');
      browser = await chromium.launch({
        executablePath: binary,
        // Its sandbox refuses to run as root. Many tabs are one application, so a few processes do.
        args: ['--no-sandbox', '--renderer-process-limit=2', '--font-render-hinting=none'],
      });
      take(browser);
    });
    afterAll(() => browser?.close());
    suite();
  });
}

function whyNot(): string | undefined {
  try {
    accessSync(binary, constants.X_OK);
    return undefined;
  } catch {
    return `no Chromium at ${binary}: CHROMIUM_BIN names another`;
  }
}
