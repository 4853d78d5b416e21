import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../sample/04-multi-tenant/src/demo/audit.js';
import { readRecords } from '../../sample/04-multi-tenant/src/demo/platform-records.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const limit = 120_000;

describe('sample/04-multi-tenant', () => {
  const issued = new Set(['acme:R-1001', 'acme:R-1002', 'acme:R-1003', 'globex:R-1001', 'initech:R-1001']);
  let folder: string;
  let output: string;

  beforeAll(async () => {
    if (!existsSync(join(root, 'dist/index.js')))
      throw new Error('dist is missing: run "npm run build" first');
    folder = await mkdtemp(join(tmpdir(), 'stepping-tenants-'));
    const build = ['-p', 'sample/04-multi-tenant/tsconfig.json', '--outDir', 'build/test/04-multi-tenant'];
    await run(process.execPath, ['node_modules/typescript/bin/tsc', ...build], { cwd: root });
    // Any exit code but 0 rejects, with what was printed.
    const main = join(root, 'build/test/04-multi-tenant/main.js');
    ({ stdout: output } = await run(process.execPath, [main, 'demo', folder], { timeout: limit - 20_000 }));
  }, limit);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('lets a tenant settle what its process left behind, and runs nothing of what was rolled back', () => {
    expect(output).toMatch(
      /refused, [^\n]*\n +globex:R-1002 +invoice not stored, not sent; job rolledBack\n/,
    );
    expect(output).toMatch(
      /died by SIGKILL, after its commit:\n +acme:R-1003 +invoice stored, not sent; job/,
    );
    expect(output).toMatch(
      /died by SIGKILL, before its commit:\n +globex:R-1003 +invoice not stored, not sent;/,
    );
    expect(output).toMatch(
      /\n4\.[^]*acme:R-1003 +invoice stored, sent; job succeeded\n +globex:R-1003 +invoice not stored, not sent; job rolledBack\n/,
    );
    expect(output).toMatch(/5 jobs succeeded, 2 rolled back\n +differences: 0\n/);
  });

  it('has an audit that sees what is lost, doubled or left over', () => {
    const records = readRecords(folder);
    expect(audit(records, issued)).toEqual([]);
    expect(audit(records, new Set([...issued, 'acme:R-9'])).join()).toBe(
      'Invoice acme:R-9 was issued and is lost.',
    );
    const [acme, ...others] = records.tenants;
    const twice = { ...acme!, dispatches: [...acme!.dispatches, acme!.dispatches[0]!] };
    expect(audit({ ...records, tenants: [twice, ...others] }, issued).join()).toMatch(/was sent 2 times/);
    const counted = { ...acme!, turnoverCents: acme!.turnoverCents + 1 };
    expect(audit({ ...records, tenants: [counted, ...others] }, issued).join()).toMatch(/turnover of acme/);
    expect(audit({ ...records, jobs: [] }, issued)).toHaveLength(issued.size);
  });
});
