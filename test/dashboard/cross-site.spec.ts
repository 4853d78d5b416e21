import { describe, expect, it } from 'vitest';
import { FRAMEWORKS, startDashboard } from './support.js';

// Requests that a browser sends for pages of other sites, and those that nobody but a browser's own page sends.

const JSON_TYPE = { 'content-type': 'application/json' };
const ACTS = ['retry', 'cancel', 'skip', 'retry-all', 'cancel-all', 'pause', 'resume'];

describe.each(FRAMEWORKS)('on %s', (framework) => {
  const start = () =>
    startDashboard(framework, {
      options: { access: 'write', origins: ['https://console.example.com'] },
      // As some applications have it.
      setUp: (app) => app.enableCors({ origin: true, credentials: true }),
    });

  it.each([
    ['with no header', {}],
    ['of another site', { 'sec-fetch-site': 'cross-site', origin: 'http://evil.example' }],
    ['of a sibling site', { 'sec-fetch-site': 'same-site', origin: 'http://other.app.example' }],
    ['that a person has typed', { 'sec-fetch-site': 'none' }],
    ['of another origin over plain HTTP', { origin: 'http://evil.example' }],
    ['of another port', { origin: 'http://app.example:81' }],
    ['of an origin that is a secret', { origin: 'null' }],
    ['of no URL', { origin: 'app.example' }],
    ['of a host with this one in front', { origin: 'http://app.example.evil.example' }],
    ['of a site with the same host as a user', { origin: 'http://app.example@evil.example' }],
    [
      'of another site, in words of this one',
      { 'sec-fetch-site': 'cross-site', origin: 'http://app.example' },
    ],
    ['of two sites', { 'sec-fetch-site': 'same-origin, cross-site' }],
    ['with a header of its own', { origin: 'http://evil.example', 'x-requested-with': 'XMLHttpRequest' }],
    ['that tells another host', { origin: 'http://evil.example', 'x-forwarded-host': 'evil.example' }],
  ])('a POST %s is refused', async (_name, headers) => {
    const served = await start();
    for (const name of ACTS) {
      const sent = { method: 'POST', body: '{}', headers: { host: 'app.example', ...JSON_TYPE, ...headers } };
      const { status, json } = await served.ask(`/stepping/api/${name}`, sent);
      expect([name, status, json.code]).toEqual([name, 403, 'CROSS_SITE']);
    }
  });

  it.each([
    ['over HTTPS', { 'sec-fetch-site': 'same-origin', origin: 'https://app.example' }],
    ['over plain HTTP', { origin: 'http://app.example' }],
    ['over plain HTTP, with its default port', { origin: 'http://app.example', host: 'app.example:80' }],
    ['over plain HTTP, at another port', { origin: 'http://app.example:3000', host: 'App.example:3000' }],
    [
      'of an origin that is allowed',
      { 'sec-fetch-site': 'cross-site', origin: 'https://console.example.com' },
    ],
  ])('a POST of its own page is obeyed, %s', async (_name, headers) => {
    const served = await start();
    const body = JSON.stringify({ gid: 'none' });
    const sent = { method: 'POST', body, headers: { host: 'app.example', ...JSON_TYPE, ...headers } };
    const { status, json } = await served.ask('/stepping/api/cancel', sent);
    expect([status, json.code]).toEqual([404, 'STEPPING_JOB_NOT_FOUND']);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/jsonx',
    '',
  ])('a body of the type %j, which forms can send, is not read', async (type) => {
    const served = await start();
    const headers = { 'sec-fetch-site': 'same-origin', ...(type && { 'content-type': type }) };
    const body = JSON.stringify({ gid: 'none' });
    const { status } = await served.ask('/stepping/api/cancel', { method: 'POST', headers, body });
    expect(status).toBe(415);
  });

  it('data is read by no other site, whatever the application allows', async () => {
    const served = await start();
    const status = async (headers: Readonly<Record<string, string>>, path = '/stepping/api/session') =>
      (await served.ask(path, { headers: { host: 'app.example', ...headers } })).status;
    expect(await status({ 'sec-fetch-site': 'cross-site', origin: 'http://evil.example' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await status({ origin: 'http://evil.example' })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await status({ 'sec-fetch-site': 'none' })).toBe(200);
    expect(await status({})).toBe(200);
    expect(await status({ 'sec-fetch-site': 'cross-site' }, '/stepping')).toBe(200);
  });

  it('a method that a header tells is no other one', async () => {
    const served = await start();
    const headers = {
      'x-http-method-override': 'POST',
      'x-method-override': 'POST',
      'sec-fetch-site': 'same-origin',
    };
    for (const name of ACTS) {
      expect((await served.ask(`/stepping/api/${name}`, { headers })).status).toBe(404);
      expect((await served.ask(`/stepping/api/${name}?_method=POST`)).status).toBe(404);
    }
  });
});
