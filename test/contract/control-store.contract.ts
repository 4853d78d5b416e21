import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlStore, ControlValues } from '../../lib/store/control-store.js';
import { waitFor } from '../support/wait-for.js';

/** A store, and another one on the same table. */
export interface TestedControlStore {
  readonly store: ControlStore;
  /** The store of another process. */
  readonly another: ControlStore;
  readonly close: () => Promise<void>;
}

const values = (given: Partial<ControlValues> = {}): ControlValues => ({
  value: '["charge"]',
  reason: 'the provider is away',
  by: 'ada@example.org',
  endsIn: null,
  ...given,
});

/** What every control store does. */
export function describeControlStore(name: string, open: () => Promise<TestedControlStore>): void {
  describe(`a control store [${name}]`, () => {
    let tested: TestedControlStore;
    let store: ControlStore;
    beforeAll(async () => {
      tested = await open();
      ({ store } = tested);
    });
    afterAll(() => tested.close());

    const of = async (target: string) =>
      (await tested.another.read()).filter((control) => control.target === target);

    it('has nothing at first', async () => {
      expect(await store.read()).toEqual([]);
      expect(await store.find('pause', 'charge')).toBeNull();
    });

    it('tells what was set, with the time of the store', async () => {
      const before = (await store.now()).getTime();
      await store.set('pause', 'set', values());
      await store.set('pause', 'for a while', values({ endsIn: 60_000, by: null, reason: null }));
      const after = (await store.now()).getTime();
      const [control] = await of('set');
      expect(control).toMatchObject({ kind: 'pause', ...values(), until: null });
      expect(control!.since.getTime()).toBeGreaterThanOrEqual(before);
      expect(control!.since.getTime()).toBeLessThanOrEqual(after);
      const [bounded] = await of('for a while');
      expect(bounded).toMatchObject({ by: null, reason: null });
      expect(bounded!.endsIn).toBeGreaterThan(0);
      expect(bounded!.endsIn).toBeLessThanOrEqual(60_000);
      expect(bounded!.until!.getTime() - bounded!.since.getTime()).toBeGreaterThanOrEqual(59_999);
      expect(await store.find('pause', 'for a while')).toMatchObject({ until: bounded!.until });
    });

    it('replaces what was set before, and counts from then', async () => {
      await store.set('pause', 'again', values());
      const first = (await of('again'))[0]!.since.getTime();
      await waitFor(async () => (await store.now()).getTime() > first);
      await store.set('pause', 'again', values({ reason: 'another', endsIn: 1000 }));
      const controls = await of('again');
      expect(controls).toHaveLength(1);
      expect(controls[0]).toMatchObject({ reason: 'another' });
      expect(controls[0]!.since.getTime()).toBeGreaterThan(first);
    });

    it('keeps the kinds and the targets apart, exactly', async () => {
      await store.set('pause', 'Case', values({ reason: 'one' }));
      await store.set('pause', 'case', values({ reason: 'two' }));
      await store.set('brake', 'case', values({ reason: 'three' }));
      expect(await store.find('pause', 'Case')).toMatchObject({ reason: 'one' });
      expect(await store.find('pause', 'case')).toMatchObject({ reason: 'two' });
      expect(await store.find('brake', 'case')).toMatchObject({ reason: 'three' });
      expect(await store.find('brake', 'Case')).toBeNull();
    });

    it('inserts only what is not there', async () => {
      expect(await store.insert('brake', 'insert', values())).toBe(true);
      expect(await tested.another.insert('brake', 'insert', values({ value: 'other' }))).toBe(false);
      expect(await of('insert')).toMatchObject([{ value: values().value }]);
    });

    it('lets one of several processes replace a value', async () => {
      await store.insert('brake', 'race', values({ value: 'old' }));
      const { since } = (await of('race'))[0]!;
      const won = await Promise.all(
        Array.from({ length: 8 }, (_, at) =>
          (at % 2 === 0 ? store : tested.another).replace(
            'brake',
            'race',
            'old',
            values({ value: `new ${at}` }),
            false,
          ),
        ),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      const [control] = await of('race');
      expect(control).toMatchObject({ value: `new ${won.indexOf(true)}`, since });
      expect(await store.replace('brake', 'race', 'old', values(), false)).toBe(false);
      await waitFor(async () => (await store.now()) > since);
      expect(await store.replace('brake', 'race', control!.value, values(), true)).toBe(true);
      expect((await of('race'))[0]!.since.getTime()).toBeGreaterThan(since.getTime());
      expect(await store.replace('brake', 'nobody', 'old', values(), false)).toBe(false);
    });

    it('removes one kind of some targets, and tells whether there were any', async () => {
      await store.set('pause', 'gone', values());
      await store.set('brake', 'gone', values());
      expect(await store.remove('pause', ['gone', 'nobody'])).toBe(true);
      expect(await of('gone')).toMatchObject([{ kind: 'brake' }]);
      expect(await store.remove('pause', ['gone'])).toBe(false);
      expect(await store.remove('pause', [])).toBe(false);
    });

    it('removes what has ended, unless it was changed meanwhile', async () => {
      await store.set('pause', 'ended', values({ endsIn: 0 }));
      await store.set('pause', 'lasting', values({ endsIn: 60_000 }));
      await store.set('pause', 'endless', values());
      await waitFor(async () => ((await of('ended'))[0]?.endsIn ?? 1) <= 0);
      for (const target of ['ended', 'lasting', 'endless']) {
        await store.removeEnded('pause', target, 'changed');
        expect(await of(target)).toHaveLength(1);
        await store.removeEnded('pause', target, values().value);
        expect(await of(target)).toHaveLength(target === 'ended' ? 0 : 1);
      }
    });

    it('moves times back', async () => {
      await store.set('pause', 'elapsed', values({ endsIn: 60_000 }));
      const [before] = await of('elapsed');
      await store.elapse(60_000);
      const [after] = await of('elapsed');
      expect(before!.since.getTime() - after!.since.getTime()).toBe(60_000);
      expect(after!.endsIn).toBeLessThanOrEqual(0);
    });

    it('keeps texts that are not ASCII, and such that look like escapes', async () => {
      const target = 'größe\\u0041 ☃';
      const value = JSON.stringify([target]);
      await store.set('pause', target, values({ value, reason: target, by: target }));
      const [control] = await of(target);
      expect(control).toMatchObject({ target, reason: target, by: target });
      expect(JSON.parse(control!.value)).toEqual([target]);
      expect(await store.replace('pause', target, control!.value, values({ value: 'x' }), false)).toBe(true);
      await store.removeEnded('pause', target, 'x');
      expect(await store.remove('pause', [target])).toBe(true);
    });
  });
}
