import { Type } from 'class-transformer';
import { Allow, IsInt, ValidateNested } from 'class-validator';
import { afterEach, describe, expect, it } from 'vitest';
import {
  InvalidOptionError,
  InvalidStepArgumentsError,
  InvalidStepClassError,
  Step,
  type StepHandler,
  type SteppingModuleOptions,
} from '../../../lib/index.js';
import { TestApplication } from '../../support/application.js';
import type { TestDatabase } from '../../support/database.js';
import { Databases } from '../../support/placements.js';
import { waitFor } from '../../support/wait-for.js';

class Line {
  @IsInt()
  quantity!: number;
}

class Order {
  @IsInt()
  id!: number;

  @Allow()
  note?: string;

  @ValidateNested()
  @Type(() => Line)
  line!: Line;
}

class Plain {
  id!: number;
}

const seen: unknown[] = [];

class Base implements StepHandler<Order> {
  execute(order: Order): void {
    seen.push(order);
  }
}

@Step({ name: 'keeping', args: Order })
class Keeping extends Base {}

@Step({ name: 'stripping', args: Order, whitelist: true })
class Stripping extends Base {}

@Step({ name: 'refusing', args: Order, forbidNonWhitelisted: true })
class Refusing extends Base {}

@Step({ name: 'by-default', args: Order })
class ByDefault extends Base {}

@Step({ name: 'excepted', args: Plain, whitelist: false })
class Excepted implements StepHandler<Plain> {
  execute(_: Plain): void {}
}

const GIVEN = { id: 1, note: 'n', role: 'admin', line: { quantity: 2, price: 0 } };
const KNOWN = { id: 1, note: 'n', line: { quantity: 2 } };

describe('properties that the class of the arguments does not know', () => {
  let databases: Databases | undefined;
  let app: TestApplication | undefined;
  afterEach(async () => {
    await app?.close();
    await databases?.drop();
    app = databases = undefined;
    seen.length = 0;
  });

  async function start(providers: readonly (new () => object)[], module?: SteppingModuleOptions) {
    databases = await Databases.create('sqlite', 'one');
    app = await TestApplication.start(databases, { providers, ...(module && { module }) });
    return app;
  }
  const create = () => app!.jobs.createJob({ transaction: 'none' });
  const argsOf = async (gid: string) => (await app!.admin.find(gid))!.steps[0]!.args;

  it('are kept unless something else is said', async () => {
    await start([Keeping]);
    const { gid } = await create().addStep(Keeping, GIVEN).start();
    await app!.ended(gid);
    expect(await argsOf(gid)).toEqual(GIVEN);
    expect(seen).toMatchObject([GIVEN]);
  });

  it.each([
    ['of the step', Stripping, {}],
    ['of the module', ByDefault, { whitelist: true }],
  ])('are removed with whitelist %s, before they are stored', async (_, step, module) => {
    await start([step], module);
    const instance = Object.assign(new Order(), { ...GIVEN, line: Object.assign(new Line(), GIVEN.line) });
    for (const given of [GIVEN, instance]) {
      const before = JSON.stringify(given);
      const { gid } = await create().addStep(step, given).start();
      await app!.ended(gid);
      expect(await argsOf(gid)).toEqual(KNOWN);
      // The caller's own value is as it was.
      expect(JSON.stringify(given)).toBe(before);
    }
    expect(seen.map((args) => JSON.parse(JSON.stringify(args)) as unknown)).toEqual([KNOWN, KNOWN]);
    expect(seen[0]).toBeInstanceOf(Order);
  });

  it('are removed from what another process has stored, before the step runs', async () => {
    await start([Stripping]);
    const { gid } = await create().addStep('stripping-elsewhere', GIVEN).start();
    await rename(databases!.store, gid, 'stripping');
    await app!.ended(gid);
    expect(JSON.parse(JSON.stringify(seen[0]))).toEqual(KNOWN);
  });

  it.each([
    ['of the step', Refusing, {}],
    ['of the module', ByDefault, { forbidNonWhitelisted: true }],
    ['of the module, for a step that strips', Stripping, { forbidNonWhitelisted: true }],
  ])('are refused with forbidNonWhitelisted %s', async (_, step, module) => {
    await start([step], module);
    expect(() => create().addStep(step, GIVEN)).toThrow(
      expect.objectContaining({ name: 'InvalidStepArgumentsError', path: 'args.role' }),
    );
    expect(() => create().addStep(step, { ...KNOWN, line: GIVEN.line })).toThrow(
      expect.objectContaining({ path: 'args.line.price' }),
    );
    await create().addStep(step, KNOWN).start();
  });

  it('are refused in what another process has stored; the job is kept', async () => {
    await start([Refusing]);
    const { gid } = await create().addStep('refusing-elsewhere', GIVEN).start();
    await rename(databases!.store, gid, 'refusing');
    const job = await waitFor(async () => {
      const found = await app!.admin.find(gid);
      return found?.error ? found : undefined;
    });
    expect(job).toMatchObject({ status: 'submitted', error: expect.stringContaining('args.role') });
    expect(seen).toEqual([]);
  });

  it('may stay with whitelist: false, whatever the module says', async () => {
    await start([Excepted], { whitelist: true });
    const { gid } = await create()
      .addStep(Excepted, { id: 1, more: 2 } as Plain)
      .start();
    await app!.ended(gid);
    expect(await argsOf(gid)).toEqual({ id: 1, more: 2 });
  });

  it('cannot be told of a class without decorators, which is refused at the start', async () => {
    @Step({ name: 'undecorated', args: Plain })
    class Undecorated extends Excepted {}
    @Step({ name: 'without-a-class', whitelist: true } as { name: string })
    class WithoutAClass extends Excepted {}
    @Step({ name: 'no-flag', args: Order, whitelist: 'yes' as never })
    class NoFlag extends Base {}
    await expect(start([Undecorated], { whitelist: true })).rejects.toBeInstanceOf(InvalidStepClassError);
    await databases!.drop();
    await expect(start([WithoutAClass])).rejects.toThrow(/'whitelist' is on for the step 'without-a-class'/);
    await databases!.drop();
    await expect(start([NoFlag])).rejects.toBeInstanceOf(InvalidOptionError);
  });
});

async function rename(store: TestDatabase, gid: string, step: string): Promise<void> {
  await store.query(
    `UPDATE stepping_jobs SET step_name = ?, steps = replace(steps, ?, ?), due_at = 0 WHERE gid = ?`,
    [step, `${step}-elsewhere`, step, gid],
  );
}

describe('keys that are also names of methods', () => {
  const KEYS = [
    'toString',
    'constructor',
    '__proto__',
    'hasOwnProperty',
    'valueOf',
    'isPrototypeOf',
    'toLocaleString',
    'propertyIsEnumerable',
    '__defineGetter__',
    '__lookupSetter__',
  ];
  const withKey = (key: string) => JSON.parse(`{"id":1,"line":{"quantity":2,"${key}":"kept"}}`) as Order;

  it.each(KEYS)('come back in plain arguments, and are refused by a class: %s', async (key) => {
    const databases = await Databases.create('sqlite', 'one');
    const app = await TestApplication.start(databases, { providers: [Keeping] });
    try {
      const given = withKey(key);
      const create = () => app.jobs.createJob({ transaction: 'none', delay: '1h' });
      const { gid } = await create().addStep('keeping-elsewhere', given).start();
      const args = (await app.admin.find(gid))!.steps[0]!.args;
      expect(JSON.stringify(args)).toBe(JSON.stringify(given));

      expect(() => create().addStep(Keeping, given)).toThrow(InvalidStepArgumentsError);
      expect(() => create().addStep(Keeping, given)).toThrow(
        expect.objectContaining({ path: `args.line.${key}` }),
      );
      expect(Object.getPrototypeOf({})).toBe(Object.prototype);

      // What another process has stored is kept, and reported.
      await rename(databases.store, gid, 'keeping');
      const job = await waitFor(async () => {
        const found = await app.admin.find(gid);
        return found?.error ? found : undefined;
      });
      expect(job.status).toBe('submitted');
      expect(job.error).toContain(`args.line.${key}`);
      expect(seen).toEqual([]);
    } finally {
      await app.close();
      await databases.drop();
    }
  });
});
