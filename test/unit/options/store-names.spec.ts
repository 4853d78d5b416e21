import { expect, it } from 'vitest';
import { InvalidOptionError, selfTm } from '../../../lib/index.js';
import { resolveSelfTmOptions } from '../../../lib/tm/self/self-tm.options.js';

it('takes the names of several stores, the first of which keeps what is nowhere else', () => {
  expect(resolveSelfTmOptions({ dataSource: ['a', 'b'] })).toMatchObject({
    dataSource: 'a',
    stores: ['a', 'b'],
  });
});

it.each([['a'], [['a']]])('takes %o for one store', (dataSource) => {
  const options = resolveSelfTmOptions({ dataSource });
  expect(options.dataSource).toBe('a');
  expect(options.stores).toBeUndefined();
});

it.each([[[]], [['']], [['a', 'a']], [['a', 7]], [''], [{}]])('refuses %o', (dataSource) => {
  const wrong = () => selfTm({ dataSource: dataSource as never });
  expect(wrong).toThrow(InvalidOptionError);
  expect(wrong).toThrow(/selfTm\.dataSource/);
});

it.each([['a'], [['a']], [['a', 'b']]])('refuses %o for jobs in memory', (dataSource) => {
  const wrong = () => selfTm({ dataSource, store: 'memory' });
  expect(wrong).toThrow(InvalidOptionError);
  expect(wrong).toThrow(/selfTm\.dataSource.*store: 'memory'/);
});
