import { describe, expect, it } from 'vitest';
import { shownUrl } from '../../../lib/core/http/shown-url.js';

describe('the URL in an error', () => {
  it.each([
    ['https://api.example/', 'api.example/'],
    ['https://api.example', 'api.example/'],
    ['https://api.example:8443/v1/orders/12345/order-lines', 'api.example:8443/v1/orders/12345/order-lines'],
    ['https://api.example/items.json', 'api.example/items.json'],
    ['https://u:p@api.example/pay?key=s#s', 'api.example/pay'],
    ['https://chat.example/bot123456:AAH-SECRET-TOKEN/sendMessage', 'chat.example/***/sendMessage'],
    [
      'https://chat.example/services/T0AB12CD3/B0AB12CD3/xyzXYZ123abcABC456defDEF',
      'chat.example/services/***/***/***',
    ],
    ['https://chat.example/api/webhooks/112233445566778899/aB-cD_eF', 'chat.example/api/webhooks/***/***'],
    ['https://hooks.example/550e8400-e29b-41d4-a716-446655440000', 'hooks.example/***'],
    ['https://hooks.example/AAH-SECRET-TOKEN/send', 'hooks.example/***/send'],
    ['https://hooks.example/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'hooks.example/***'],
    ['https://hooks.example/deadbeefcafe0123', 'hooks.example/***'],
    ['https://hooks.example/s3cr3t', 'hooks.example/***'],
    ['https://hooks.example/QWERTYUIOP', 'hooks.example/***'],
    ['https://hooks.example/xkcdqwrtzplmnbvc', 'hooks.example/***'],
    ['https://hooks.example/a%2Fb', 'hooks.example/***'],
    ['https://hooks.example/items;token=abc', 'hooks.example/***'],
  ])('of %s is %s', (url, shown) => {
    expect(shownUrl(new URL(url))).toBe(shown);
  });
});
