import { expect, it } from 'vitest';
import { mayEndTransaction } from '../../../lib/transactions/transaction-control.js';

it.each([
  'ROLLBACK',
  '  -- up to here\n ROLLBACK',
  '# the end\nROLLBACK',
  '/* a; b */ ROLLBACK',
  '/*!50000 ROLLBACK */',
  'SELECT 1; rollback',
  'SELECT 1; /* c */ ROLLBACK',
  'SELECT 1; /* c; d */ ROLLBACK',
  'CREATE TABLE surprise (id int)',
])('may end a transaction: %j', (sql) => {
  expect(mayEndTransaction(sql)).toBe(true);
});

it.each([
  `UPDATE orders SET note = 'Ring first; call me later' WHERE id = 1`,
  `/* route='/load' */ SELECT 1`,
  'SELECT rollback FROM plans',
  'DO 0',
])('ends none: %j', (sql) => {
  expect(mayEndTransaction(sql)).toBe(false);
});

it('takes no longer for texts that look like comments', () => {
  const began = performance.now();
  expect(mayEndTransaction(`SELECT '${';#--'.repeat(300_000)}'`)).toBe(false);
  expect(mayEndTransaction(`${'/* */'.repeat(200_000)} SELECT 1`)).toBe(false);
  expect(performance.now() - began).toBeLessThan(10_000);
});
