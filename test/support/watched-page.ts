import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core';
import { waitFor } from './wait-for.js';

/** The pages of the dashboard, by their paths in the fragment. */
export const PAGES = ['overview', 'jobs', 'steps', 'processes', 'audit'] as const;
export type PageName = (typeof PAGES)[number] | `jobs/${string}`;

/** One tab, with whatever a strict browser would complain about. */
export class WatchedPage {
  /** Texts of the console above `info`, errors of scripts, and violations of the policy. */
  readonly complaints: string[] = [];
  readonly requests: Request[] = [];
  /** Those of the requests that have their whole answers. */
  private readonly answered: Request[] = [];

  private constructor(
    readonly page: Page,
    readonly url: string,
  ) {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => this.requests.push(request));
    page.on('requestfinished', (request) => this.answered.push(request));
    // So Chromium calls an answer of 304 as well.
    page.on('requestfailed', (request) => this.answered.push(request));
  }

  /** @param url of the dashboard. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<WatchedPage> {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    const watched = new WatchedPage(await context.newPage(), url);
    await watched.page.exposeFunction('complain', (text: string) => watched.complaints.push(text));
    await watched.page.addInitScript(REPORT_VIOLATIONS);
    return watched;
  }

  /** Opens one of the pages, and waits until it shows what it knows. */
  async show(name: PageName): Promise<void> {
    const path = name === 'overview' ? '' : name;
    await this.page.goto(`${this.url}#/${path}`);
    await this.settled();
  }

  /** Waits until every part of the page has its first data. */
  async settled(): Promise<void> {
    await this.page.locator('main h1').waitFor();
    await this.page.locator(UNSETTLED).first().waitFor({ state: 'detached' });
  }

  /** How many requests for a path of the API were sent. */
  count(path: string): number {
    return countOf(this.requests, path);
  }

  /** Waits until the page has asked for a path of the API so many times more, and has its answers. */
  async polls(path: string, times: number): Promise<void> {
    const before = countOf(this.answered, path);
    await waitFor(() => countOf(this.answered, path) >= before + times, { message: `answers to ${path}` });
    // The answer is on the page with the next frame.
    await this.page.evaluate(NEXT_FRAME);
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}

function countOf(requests: readonly Request[], path: string): number {
  return requests.filter((request) => new URL(request.url()).pathname.endsWith(`/api/${path}`)).length;
}

/** What is there while something is not known yet, or could not be asked. */
const UNSETTLED = '[aria-busy="true"], .skeleton, main [role="alert"]:not([hidden])';

// Whatever runs in the page is text, since its types are not those of the tests.
const NEXT_FRAME = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))';
const REPORT_VIOLATIONS = `
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    complain(violatedDirective + ' blocked ' + blockedURI));`;
