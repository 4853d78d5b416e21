import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { audit, gatherEvidence, type Evidence } from '../../sample/01-orders/src/demo/audit.js';
import { summarize } from '../../sample/01-orders/src/demo/summary.js';
import { readOrderCsv } from '../../sample/01-orders/src/orders/order-csv.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const limit = 300_000;

describe('sample/01-orders', () => {
  let temporary: string;
  let output: string;
  let exitCode: number | null;

  beforeAll(async () => {
    if (!existsSync(join(root, 'dist/index.js')))
      throw new Error('dist is missing: run "npm run build" first');
    temporary = await mkdtemp(join(tmpdir(), 'stepping-orders-'));
    // Beside the sample's usual place, so that a demonstration that somebody looks at goes on undisturbed.
    const build = ['-p', 'sample/01-orders/tsconfig.json', '--outDir', 'build/test/01-orders'];
    await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', ...build], { cwd: root });
    ({ output, exitCode } = await demonstrate(join(temporary, 'shop')));
  }, limit);

  afterAll(() => rm(temporary, { recursive: true, force: true }));

  it('ends by itself, and says what was lost and what was repeated', () => {
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(/W-20002 -> 422[^]*0 orders, 0 jobs, 0 stock movements, 0 e-mails, 0 webhooks\n/);
    expect(output).toMatch(/was killed with SIGKILL/);
    expect(output).toMatch(/send-order-confirmation +succeeded, attempts: 1 +<- killed, and begun again/);
    expect(output).toMatch(/\n +orders +233 .*\n +jobs +233 .*\n/);
    expect(output).toMatch(/\n +e-mails +233 .* 233 copies.*\n +webhooks +233 .*\n +differences +0\n/);
    const [, repeated] = /\nLost: nothing\.[^]*\n +(\d+) e-mails \(/.exec(output) ?? [];
    expect(Number(repeated)).toBeGreaterThan(0);
    expect(output.trimEnd()).toMatch(
      /\n +0 stock movements \([^\n]*\n\nTo look at these jobs in the dashboard[^]*$/,
    );
  });

  it('shows an e-mail in the terminal, as the mail server has got it', () => {
    const [, mail = ''] = /The mail server has:\n((?: +\|.*\n)+)/.exec(output) ?? [];
    expect(mail).toMatch(/\| Message-ID: <order\.W-20001\.1@shop\.example\.com>\n/);
    expect(mail).toMatch(/\| To: ada\.brandt@example\.com\n +\| Subject: Your order W-20001\n/);
    expect(mail).toMatch(/\| Total: 74\.70 EUR\n/);
  });

  it('tries again what the mail server refuses for now, and leaves to a person what it refuses for good', () => {
    expect(output).toMatch(
      /W-20003 -> 201.*\n.*said 451 .*\n.*\n +2 send-order-confirmation +succeeded, attempts: 2\n/,
    );
    expect(output).toMatch(
      /W-20004 -> 201.*\n +Its job has failed, .*: 550 .*\n.*\n +2 send-order-confirmation +failed, attempts: 1\n +3 \S+ +pending, attempts: 0\n/,
    );
    expect(output).toMatch(
      /PATCH \/orders\/W-20004.* -> 204.*\n.*\n +2 send-order-confirmation +succeeded, attempts: 1\n/,
    );
  });

  it('says where its dashboard is, and shows these jobs there when it is started again', async () => {
    expect(output).toMatch(/its dashboard is at http:\/\/localhost:\d+\/stepping while it runs/);
    expect(output).toMatch(/\n +DATA_FOLDER=\S*shop npm run start:service\n*$/);
    const folder = await mkdtemp(join(temporary, 'dashboard-'));
    await cp(join(temporary, 'shop'), folder, { recursive: true });
    const { ServiceProcess, freePort } = await builtServiceProcess();
    const service = await ServiceProcess.start(folder, await freePort());
    try {
      const page = await fetch(service.dashboard);
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<!doctype html>')]);
      const session = await fetch(`${service.dashboard}/api/session`);
      expect(await session.json()).toMatchObject({ title: 'Orders', environment: { label: 'sample' } });
      const list = await fetch(`${service.dashboard}/api/jobs?status=succeeded&limit=100`);
      const { jobs } = (await list.json()) as { jobs: unknown[] };
      expect(jobs).toHaveLength(100);
    } finally {
      await service.stop();
    }
    expect(service.lastWords).toContain(`The dashboard is at ${service.dashboard}`);
  });

  describe('its audit', () => {
    let folder: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(temporary, 'copy-'));
      await cp(join(temporary, 'shop'), folder, { recursive: true });
    });

    it('has nothing to say of what the demonstration left', async () => {
      expect(audit(await evidence())).toEqual([]);
      expect(summarize(await evidence()).exitCode).toBe(0);
    });

    it('sees a missing e-mail', async () => {
      await rm(join(folder, 'outbox/order.A-10007.1.eml'));
      expect(audit(await evidence())).toEqual(['Order A-10007 has no e-mail.']);
      const { exitCode: code, lines } = summarize(await evidence());
      expect(code).toBe(1);
      expect(lines.join('\n')).not.toMatch(/Lost: nothing/);
    });

    it('sees an e-mail that was sent twice', async () => {
      await cp(join(folder, 'outbox/order.A-10007.1.eml'), join(folder, 'outbox/again.eml'));
      expect(audit(await evidence())).toEqual([expect.stringMatching(/^Order A-10007 has 2 .*e-mail/)]);
    });

    it('sees a doubled stock movement', async () => {
      change(`
        INSERT INTO stock_movements (orderNumber, sku, reserved, backOrdered)
        SELECT orderNumber, sku, reserved, backOrdered FROM stock_movements WHERE orderNumber = 'A-10007' LIMIT 1`);
      expect(audit(await evidence())).toEqual([
        expect.stringMatching(/^There are 2 stock movements for order A-10007, /),
        expect.stringMatching(/ are in stock: it should be /),
      ]);
    });

    it('sees an order without e-mail, job, webhook and stock movement', async () => {
      change(`
        INSERT INTO orders SELECT 'A-99999', orderedAt, customerName, customerEmail, street, postalCode, city,
               country, totalCents FROM orders WHERE number = 'A-10007'`);
      change(`
        INSERT INTO order_lines (orderNumber, sku, quantity, unitPriceCents)
        SELECT 'A-99999', sku, quantity, unitPriceCents FROM order_lines WHERE orderNumber = 'A-10007'`);
      const differences = audit(await evidence());
      for (const what of ['e-mail', 'job', 'webhook delivery']) {
        expect(differences).toContain(`Order A-99999 has no ${what}.`);
      }
      expect(differences).toContain('Order A-99999 is in the database and was never accepted.');
      expect(differences.join()).toMatch(/There are 0 stock movements for order A-99999, /);
    });

    it('sees an order that was accepted and lost', async () => {
      change(`DELETE FROM order_lines WHERE orderNumber = 'A-10007'`);
      change(`DELETE FROM orders WHERE number = 'A-10007'`);
      const differences = audit(await evidence());
      expect(differences).toContain('Order A-10007 was accepted and is not in the database.');
      expect(differences).toContain('Order A-10007 is not in the database and has: e-mail.');
    });

    it('sees a job that is not done', async () => {
      change(`UPDATE stepping_jobs SET status = 'failed' WHERE gid = 'order:A-10007'`);
      expect(audit(await evidence())).toEqual(['The job of order A-10007 is failed.']);
    });

    it('sees an e-mail that the mail server has not got, or got under another id', async () => {
      const { mailbox, ...rest } = await evidence();
      const [first] = mailbox.filter(({ orderNumber }) => orderNumber === 'A-10007');
      const others = mailbox.filter(({ orderNumber }) => orderNumber !== 'A-10007');
      expect(audit({ ...rest, mailbox: others })).toEqual([
        'The mail server has no e-mail of order A-10007.',
      ]);
      expect(audit({ ...rest, mailbox: [...mailbox, { ...first!, messageId: '<other@shop>' }] })).toEqual([
        expect.stringMatching(/an e-mail of order A-10007 with another id/),
      ]);
      expect(audit({ ...rest, mailbox: [...mailbox, { ...first!, orderNumber: 'A-99999' }] })).toEqual([
        expect.stringMatching(/an e-mail of order A-99999, which is not in the database/),
      ]);
    });

    it('counts the e-mails that the mail server got again', async () => {
      const { mailbox, ...rest } = await evidence();
      const once = [...new Map(mailbox.map((email) => [email.messageId, email])).values()];
      const again = once.slice(0, 3);
      expect(summarize({ ...rest, mailbox: [...once, ...again] }).lines.join('\n')).toMatch(
        /\n +3 e-mails \(/,
      );
    });

    async function evidence(): Promise<Evidence> {
      const orders = (await readOrderCsv(join(root, 'sample/01-orders/data/orders.csv'))).map(
        ([row]) => row!,
      );
      const accepted = new Map(orders.map((row) => [row.order_number, Number(row.total_cents)]));
      // 2 x 9.90 and 54.90, placed over HTTP.
      for (const number of ['W-20001', 'W-20003', 'W-20004']) accepted.set(number, 7470);
      return gatherEvidence(folder, accepted);
    }

    function change(sql: string): void {
      const database = new Database(join(folder, 'shop.sqlite'));
      try {
        database.pragma('foreign_keys = OFF');
        expect(database.prepare(sql).run().changes).toBeGreaterThan(0);
      } finally {
        database.close();
      }
    }
  });

  it('leaves no draft of an e-mail behind but those of the process that was killed', async () => {
    const files = await readdir(join(temporary, 'shop/outbox'));
    expect(files.filter((file) => file.endsWith('.eml'))).toHaveLength(233);
    const killed = /process (\d+) was killed/.exec(output)?.[1];
    expect(files.filter((file) => !file.endsWith('.eml') && !file.endsWith(`.${killed}.tmp`))).toEqual([]);
  });
});

/** As it was built, since it starts the file beside it. */
function builtServiceProcess(): Promise<typeof import('../../sample/01-orders/src/demo/service-process.js')> {
  return import(join(root, 'build/test/01-orders/demo/service-process.js'));
}

function demonstrate(folder: string): Promise<{ output: string; exitCode: number | null }> {
  return new Promise((resolve, reject) => {
    const main = join(root, 'build/test/01-orders/main.js');
    const child = spawn(process.execPath, [main, 'demo', folder], { cwd: root, timeout: limit - 20_000 });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ output, exitCode }));
  });
}
