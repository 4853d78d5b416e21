import {
  Injectable,
  VersioningType,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import helmet from 'helmet';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { map, type Observable } from 'rxjs';
import { afterEach, beforeEach, expect, it, describe } from 'vitest';
import { describeChromium } from '../../support/chromium.js';
import { Shop } from '../../support/dashboard.js';
import { PAGES, WatchedPage } from '../../support/watched-page.js';

@Injectable()
class WrappingInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data, wrapped: true })));
  }
}

/** What applications do to all their routes. */
function customize(app: INestApplication): void {
  app.use(helmet());
  app.setGlobalPrefix('internal/v');
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
  app.useGlobalInterceptors(new WrappingInterceptor());
}

let browser: Browser;

describeChromium(
  'the dashboard inside an application',
  (one) => (browser = one),
  () => {
    describe.each(['express', 'fastify'] as const)('on %s', (platform) => {
      let shop: Shop;
      let proxy: Server;
      let watched: WatchedPage | undefined;

      beforeEach(async () => {
        shop = await Shop.open({ platform, customize });
        proxy = await strippingProxy(shop.origin);
      });
      afterEach(async () => {
        await watched?.close();
        await new Promise((done) => proxy.close(done));
        await shop.close();
      });

      it('works below a global prefix, a version, helmet, a wrapping interceptor and a proxy that takes a prefix away', async () => {
        const gid = await shop.order('A-1');
        await shop.until(gid, ({ status }) => status === 'succeeded');
        const { port } = proxy.address() as AddressInfo;
        for (const origin of [shop.origin, `http://127.0.0.1:${port}/behind/it`]) {
          watched = await WatchedPage.open(browser, `${origin}/internal/v/stepping`);
          for (const page of PAGES) {
            await watched.show(page);
            expect((await watched.page.locator('h1').innerText()).toLowerCase()).toBe(page);
          }
          await watched.show('jobs');
          await watched.page.getByText('order A-1').waitFor();
          await watched.show(`jobs/${gid}`);
          await watched.page.getByText('notify-warehouse').first().waitFor();
          expect(watched.complaints).toEqual([]);
          await watched.close();
        }
      });
    });
  },
);

/** Serves `/behind/it/…` with what the server has at `/…`, as ingresses do. */
async function strippingProxy(origin: string): Promise<Server> {
  const { hostname, port } = new URL(origin);
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url!.replace(/^\/behind\/it(?=\/)/, '');
    const { method, headers } = incoming;
    const onward = request({ hostname, port, path, method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}
