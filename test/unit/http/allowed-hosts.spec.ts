import dns from 'node:dns';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isPublic, readAddress } from '../../../lib/core/http/addresses.js';
import { AllowedHosts, HostNotAllowedError } from '../../../lib/core/http/allowed-hosts.js';
import { readHttpOptions } from '../../../lib/core/http/http-options.js';
import { HttpRequestStep } from '../../../lib/core/http/http-request.step.js';
import { createStepContext, StepStop } from '../../../lib/core/steps/step-context.js';
import { HttpRequestError, InvalidOptionError } from '../../../lib/errors/index.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Answers every look-up: what the owner of a name can do. */
function resolvesTo(...addresses: string[]): void {
  const answers = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  vi.spyOn(dns, 'lookup').mockImplementation(((_host: string, _options: object, callback: any) =>
    callback(null, answers)) as never);
}

/** The addresses that are left of a look-up; those of a literal without one, as Node.js does it. */
async function reached(allowed: readonly string[], url: string): Promise<string[]> {
  const hosts = new AllowedHosts(allowed, 'http.allowedHosts');
  const parsed = new URL(url);
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  try {
    hosts.check(parsed);
    if (readAddress(host)) return [host];
    return await new Promise((resolve, reject) => {
      hosts.lookup(host, { all: true }, (error, found) =>
        error ? reject(error) : resolve((found as dns.LookupAddress[]).map(({ address }) => address)),
      );
    });
  } catch (error) {
    if (error instanceof HostNotAllowedError) return [];
    throw error;
  }
}

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:0:127.0.0.1',
    '::127.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '5f00::1',
  ])('of this machine, its network or another special place is not public: %s', (address) => {
    expect(isPublic(readAddress(address)!)).toBe(false);
  });

  it.each([
    '1.1.1.1',
    '172.15.0.1',
    '172.32.0.1',
    '169.253.0.1',
    '2606:4700::1111',
    '64:ff9b::1.1.1.1',
    '::ffff:1.1.1.1',
  ])('of the internet is public: %s', (address) => {
    expect(isPublic(readAddress(address)!)).toBe(true);
  });
});

describe('allowed hosts', () => {
  it.each([
    ['http://0x7f.1/'],
    ['http://2130706433/'],
    ['http://0177.0.0.1/'],
    ['http://127.1/'],
    ['http://0/'],
    ['http://１２７.0.0.1/'],
    ['http://127.0.0.1./'],
    ['http://[::ffff:127.0.0.1]/'],
    ['http://[::ffff:7f00:1]/'],
    ['http://[::]/'],
    ['http://[64:ff9b::7f00:1]/'],
    ['http://169.254.169.254/latest/meta-data/'],
    ['http://0xa9fea9fe/'],
  ])('let no literal through that leads to this network: %s', async (url) => {
    for (const allowed of [['*'], ['partner.example'], [], ['*.example'], ['localhost']]) {
      expect(await reached(allowed, url)).toEqual([]);
    }
  });

  it.each([
    [['127.0.0.1'], 'http://127.1/', true],
    [['127.0.0.0/8'], 'http://[::ffff:127.9.9.9]/', true],
    [['::1'], 'http://[::1]/', true],
    [['[::1]'], 'http://[0:0::1]/', true],
    [['fd12::/16'], 'http://[fd12::5]/', true],
    [['fd12::/16'], 'http://[fd13::5]/', false],
    [['10.0.0.0/8'], 'http://127.0.0.1/', false],
    [['10.0.0.0/8'], 'http://1.1.1.1/', false],
    [['*'], 'http://1.1.1.1/', true],
    [['partner.example'], 'http://1.1.1.1/', false],
  ])('%j and the literal of %s: %s', async (allowed, url, passes) => {
    expect((await reached(allowed, url)).length > 0).toBe(passes);
  });

  it.each([
    [['partner.example'], 'partner.example', true],
    [['partner.example'], 'PARTNER.example.', true],
    [['Partner.Example.'], 'partner.example', true],
    [['partner.example'], 'a.partner.example', false],
    [['partner.example'], 'partner.example.evil.example', false],
    [['*.partner.example'], 'a.b.partner.example', true],
    [['*.partner.example'], 'partner.example', false],
    [['*.partner.example'], 'evilpartner.example', false],
    [['bücher.example'], 'xn--bcher-kva.example', true],
    [['*'], 'anything.example', true],
    [[], 'anything.example', false],
  ])('%j and the name %s: %s', async (allowed, host, passes) => {
    resolvesTo('1.1.1.1', '2606:4700::1111');
    expect((await reached(allowed, `https://${host}/`)).length).toBe(passes ? 2 : 0);
  });

  it('leave out what a name must not lead to, whatever else it leads to', async () => {
    resolvesTo('10.0.0.5', '1.1.1.1', '::1', '169.254.169.254', 'fe80::1%eth0', '::ffff:127.0.0.1');
    expect(await reached(['partner.example'], 'https://partner.example/')).toEqual(['1.1.1.1']);
    expect(await reached(['*'], 'https://partner.example/')).toEqual(['1.1.1.1']);
    expect(await reached(['partner.example', '10.0.0.0/24'], 'https://partner.example/')).toEqual([
      '10.0.0.5',
      '1.1.1.1',
    ]);
    expect(await reached(['10.0.0.0/24'], 'https://intranet.example/')).toEqual(['10.0.0.5']);
    resolvesTo('127.0.0.1');
    expect(await reached(['*', 'localhost'], 'https://partner.example/')).toEqual([]);
    expect(await reached(['*'], 'http://localhost/')).toEqual([]);
    expect(await reached(['localhost'], 'http://localhost/')).toEqual(['127.0.0.1']);
  });

  it('look nothing up that cannot be allowed', async () => {
    resolvesTo('1.1.1.1');
    await reached(['partner.example'], 'http://x.attacker.example/');
    expect(dns.lookup).not.toHaveBeenCalled();
  });

  it.each<[unknown]>([
    ['partner.example'],
    [[5]],
    [['']],
    [['https://partner.example']],
    [['partner.example:443']],
    [['partner.example/']],
    [['user@partner.example']],
    [['10.0.0.0/33']],
    [['10.0.0/8']],
    [['*.*.example']],
    [['a*.example']],
    [['*.10.0.0.1']],
    [['partner example']],
    [['::1/129']],
  ])('are refused when they are %j', (hosts) => {
    expect(() => new AllowedHosts(hosts, 'http.allowedHosts')).toThrow(InvalidOptionError);
  });
});

describe('HttpRequestStep with allowed hosts', () => {
  async function send(url: string, allowedHosts: readonly string[]): Promise<unknown> {
    const stop = new StepStop();
    const context = createStepContext({ gid: 'g', stepIndex: 0, stepName: 'http', attempt: 1, stop });
    const step = new HttpRequestStep(readHttpOptions({ allowedHosts }));
    return step.execute({ url, timeout: '5s' }, context).then(
      () => 'sent',
      (error: unknown) => error,
    );
  }

  it('connects to no address that it has not checked', async () => {
    let requests = 0;
    const server = createServer((_, response) => {
      requests += 1;
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      resolvesTo('127.0.0.1');
      for (const host of ['partner.example', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost']) {
        const error = await send(`http://${host}:${port}/`, ['*']);
        expect(error).toBeInstanceOf(HttpRequestError);
        expect((error as Error).message).toContain("'http.allowedHosts' does not let requests go to");
      }
      expect(requests).toBe(0);
      expect(await send(`http://partner.example:${port}/`, ['127.0.0.1'])).toBe('sent');
      expect(await send(`http://0x7f.1:${port}/`, ['127.0.0.0/8'])).toBe('sent');
      expect(await send(`http://localhost:${port}/`, ['localhost'])).toBe('sent');
      expect(requests).toBe(3);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
