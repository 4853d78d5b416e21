import 'reflect-metadata';
import {
  Inject,
  Injectable,
  Module,
  Scope,
  type Type,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { describe, expect, it, vi } from 'vitest';
import type { StepContext } from '../../../lib/core/steps/step-context.js';
import type { StepDefinition } from '../../../lib/core/steps/step-definition.js';
import { Step } from '../../../lib/core/steps/step.decorator.js';
import { StepExplorer } from '../../../lib/core/steps/step.explorer.js';
import { StepRegistry } from '../../../lib/core/steps/step.registry.js';
import {
  DuplicateStepNameError,
  InvalidOptionError,
  InvalidStepClassError,
} from '../../../lib/errors/index.js';

const context = {} as StepContext;

class Calls {
  readonly log: unknown[] = [];
}

@Step('pay')
class Pay {
  execute(..._args: unknown[]): unknown {
    return 'paid';
  }
}

@Step({ name: 'ship', aliases: ['Ship'], timeout: '5s', retry: { maxAttempts: 2 }, transactional: true })
class Ship {
  constructor(readonly calls: Calls) {}
  execute(): void {
    this.calls.log.push('ship');
  }
}

class Fake {
  execute(): unknown {
    return 'paid';
  }
}

function explore(app: TestingModule): StepDefinition[] {
  return new StepExplorer(app.get(ModulesContainer)).explore();
}

async function steps(metadata: ModuleMetadata): Promise<StepDefinition[]> {
  const app = await Test.createTestingModule(metadata).compile();
  await app.init();
  return explore(app);
}

async function only(metadata: ModuleMetadata): Promise<StepDefinition> {
  const found = await steps(metadata);
  expect(found).toHaveLength(1);
  return found[0]!;
}

async function run(definition: StepDefinition, args?: unknown): Promise<unknown> {
  const { handler } = await definition.resolve();
  return handler.execute(args, context);
}

/** A module that provides and exports what it is given. */
function moduleOf(name: string, providers: Provider[]): Type {
  const module = Module({
    providers,
    exports: providers.map((each) => ('provide' in each ? each.provide : each)),
  });
  const host = { [name]: class {} }[name]!;
  module(host);
  return host;
}

describe('StepExplorer', () => {
  it('finds the steps of every module, with their options', async () => {
    const shipping = moduleOf('ShippingModule', [Ship, Calls]);
    const found = await steps({ imports: [shipping, moduleOf('Idle', [shipping])], providers: [Pay] });
    expect(found.map(({ name, place }) => [name, place]).sort()).toEqual([
      ['pay', 'Pay in RootTestModule'],
      ['ship', 'Ship in ShippingModule'],
    ]);
    expect(found.find(({ name }) => name === 'ship')).toMatchObject({
      aliases: ['Ship'],
      timeout: 5000,
      retry: { maxAttempts: 2 },
      transactional: {},
      classes: [Ship],
    });
  });

  it('runs the very instance that the application has', async () => {
    const app = await Test.createTestingModule({ providers: [Ship, Calls] }).compile();
    const [ship] = explore(app);
    expect((await ship!.resolve()).handler).toBe(app.get(Ship));
    await run(ship!);
    expect(app.get(Calls).log).toEqual(['ship']);
  });

  it('leaves alone what is no step', async () => {
    // Lazy proxies answer nothing outside a request.
    const lazy = new Proxy(
      {},
      {
        get(_target, key): undefined {
          if (key === 'execute') throw new Error('There is no request.');
          return undefined;
        },
      },
    );
    const found = await steps({
      providers: [
        Calls,
        { provide: 'nothing', useValue: null },
        { provide: 'missing', useFactory: () => undefined },
        { provide: 'text', useValue: 'pay' },
        { provide: 'the class itself', useValue: Pay },
        { provide: 'bare', useValue: Object.create(null) as object },
        { provide: 'lazy', useFactory: () => lazy },
        { provide: 'pay as a value', useValue: { execute: () => 1 } },
      ],
    });
    expect(found).toEqual([]);
  });

  it('does not take a subclass for its base', async () => {
    @Injectable()
    class PayLater extends Pay {}
    expect(await steps({ providers: [PayLater] })).toEqual([]);
    const found = await only({ providers: [Pay, PayLater] });
    expect((await found.resolve()).handler).not.toBeInstanceOf(PayLater);
  });

  it.each<[string, Provider]>([
    ['a factory under its own class', { provide: Pay, useFactory: () => new Pay() }],
    ['an asynchronous factory', { provide: Pay, useFactory: () => Promise.resolve(new Pay()) }],
    ['a factory under a text', { provide: 'PAY', useFactory: () => new Pay() }],
    ['a value', { provide: 'PAY', useValue: new Pay() }],
    ['a class under a symbol', { provide: Symbol('PAY'), useClass: Pay }],
    ['a stand-in that is no step', { provide: Pay, useValue: { execute: () => 'paid' } }],
    [
      'a stand-in without a prototype',
      { provide: Pay, useValue: Object.assign(Object.create(null) as object, { execute: () => 'paid' }) },
    ],
    ['a stand-in class', { provide: Pay, useClass: Fake }],
  ])('finds a step that is provided as %s', async (_what, provider) => {
    const pay = await only({ providers: [provider] });
    expect(pay.name).toBe('pay');
    expect(await run(pay)).toBe('paid');
    const registry = new StepRegistry();
    registry.register([pay]);
    expect(registry.nameOf(Pay)).toBe('pay');
  });

  it('finds what a test puts in the place of a step', async () => {
    const execute = vi.fn();
    const builder = Test.createTestingModule({ imports: [moduleOf('ShopModule', [Pay])] });
    const app = await builder.overrideProvider(Pay).useValue({ execute }).compile();
    const [pay] = explore(app);
    expect(pay).toMatchObject({ name: 'pay', place: 'Pay in ShopModule' });
    await run(pay!, { amount: 5 });
    expect(execute).toHaveBeenCalledWith({ amount: 5 }, context);
  });

  it('believes the instance before the token, and is found by both', async () => {
    @Step('pay-by-card')
    class PayByCard extends Pay {}
    const found = await only({ providers: [{ provide: Pay, useClass: PayByCard }] });
    expect(found).toMatchObject({ name: 'pay-by-card', classes: [PayByCard, Pay] });
    expect(found.place).toBe('PayByCard (provided as Pay) in RootTestModule');
    const registry = new StepRegistry();
    registry.register([found]);
    expect([registry.nameOf(Pay), registry.nameOf(PayByCard)]).toEqual(['pay-by-card', 'pay-by-card']);
  });

  it('counts aliases, re-exports and instances handed on once', async () => {
    const shop = moduleOf('ShopModule', [Pay]);
    @Module({ imports: [shop], exports: [shop] })
    class Between {}
    const found = await steps({
      imports: [shop, Between],
      providers: [
        { provide: 'ALIAS', useExisting: Pay },
        { provide: 'HANDED_ON', useFactory: (pay: Pay) => pay, inject: [Pay] },
        { provide: Ship, useFactory: (pay: Pay) => pay, inject: [Pay] },
      ],
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ name: 'pay', place: 'Pay in ShopModule' });
    expect(found[0]!.classes).toEqual([Pay, Ship]);
  });

  it('finds what an alias stands for by the class of the alias', async () => {
    const found = await only({ providers: [{ provide: Pay, useExisting: Ship }, Ship, Calls] });
    expect(found).toMatchObject({ name: 'ship', place: 'Ship in RootTestModule' });
    expect(found.classes.toSorted()).toEqual([Pay, Ship]);
  });

  it('has both places of a class that two modules provide', async () => {
    const found = await steps({ imports: [moduleOf('ShopModule', [Pay]), moduleOf('KioskModule', [Pay])] });
    let error: unknown;
    try {
      new StepRegistry().register(found);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DuplicateStepNameError);
    expect((error as DuplicateStepNameError).places.toSorted()).toEqual([
      'Pay in KioskModule',
      'Pay in ShopModule',
    ]);
  });

  it('has both places of two classes with one name', async () => {
    const Other = { Pay: class {} as unknown as typeof Pay }.Pay;
    (Other.prototype as { execute: unknown }).execute = () => undefined;
    Step('pay')(Other);
    const found = await steps({ imports: [moduleOf('ShopModule', [Pay]), moduleOf('KioskModule', [Other])] });
    expect(() => new StepRegistry().register(found)).toThrow(
      /Pay in ShopModule.*Pay in KioskModule|Kiosk.*Shop/,
    );
  });

  it('refuses a step without execute', async () => {
    class Empty {}
    (Step('empty') as (target: unknown) => void)(Empty);
    await expect(steps({ providers: [Empty] })).rejects.toThrow(InvalidStepClassError);
    await expect(steps({ providers: [{ provide: Pay, useValue: { run: () => 1 } }] })).rejects.toThrow(
      'Pay cannot be a step: it has no method execute',
    );
  });

  it('refuses options that cannot be when the application starts', async () => {
    class Bad {
      execute(): void {}
    }
    Step({ name: 'bad', timeout: 'soon' })(Bad);
    await expect(steps({ providers: [Bad] })).rejects.toThrow(InvalidOptionError);
    await expect(steps({ providers: [Bad] })).rejects.toThrow("'@Step(bad).timeout'");
    Step({ name: 'bad', timeout: 0 })(Bad);
    await expect(steps({ providers: [Bad] })).rejects.toThrow(InvalidOptionError);
    Step({ name: 'bad', retry: { factor: -1 } })(Bad);
    await expect(steps({ providers: [Bad] })).rejects.toThrow("'@Step(bad).retry.factor'");
  });
});

describe('steps that are no singletons', () => {
  let made = 0;

  @Injectable({ scope: Scope.REQUEST })
  class Tenant {
    readonly number = ++made;
  }

  @Injectable()
  class Helper {
    constructor(readonly tenant: Tenant) {}
  }
  @Step({ name: 'scoped', scope: Scope.REQUEST })
  class Scoped {
    constructor(
      readonly tenant: Tenant,
      readonly helper: Helper,
    ) {}
    execute(): unknown {
      return [this.tenant.number, this.helper.tenant.number];
    }
  }

  @Step('dependent')
  class Dependent {
    constructor(readonly tenant: Tenant) {}
    execute(): unknown {
      return this.tenant.number;
    }
  }

  @Step('durable')
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class Durable {
    constructor(readonly tenant: Tenant) {}
    execute(): unknown {
      return this.tenant.number;
    }
  }

  @Step({ name: 'transient', scope: Scope.TRANSIENT })
  class Transient {
    readonly number = ++made;
    execute(): unknown {
      return this.number;
    }
  }

  @Step({ name: 'by-property', scope: Scope.REQUEST })
  class ByProperty {
    @Inject(Tenant) readonly tenant!: Tenant;
    readonly execute = (): unknown => this.tenant.number;
  }

  it.each([
    ['request-scoped', Dependent],
    ['durable', Durable],
    ['transient', Transient],
    ['with execute as a property', ByProperty],
  ])('get an instance of their own for each attempt: %s', async (_what, stepClass) => {
    const step = await only({ providers: [stepClass, Tenant] });
    const first = await run(step);
    const second = await run(step);
    expect(first).toEqual(expect.any(Number));
    expect(second).toBe((first as number) + 1);
    expect(step.classes).toEqual([stepClass]);
  });

  it('share one DI context within an attempt', async () => {
    const step = await only({ providers: [Scoped, Helper, Tenant] });
    const [direct, indirect] = (await run(step)) as [number, number];
    expect(direct).toBe(indirect);
    expect(await run(step)).toEqual([direct + 1, direct + 1]);
  });

  it('are resolved in their own module, whatever others provide under the token', async () => {
    const TOKEN = 'STEP';
    @Step({ name: 'other', scope: Scope.REQUEST })
    class Other {
      execute(): unknown {
        return 'other';
      }
    }
    const found = await steps({
      imports: [
        moduleOf('A', [{ provide: TOKEN, useClass: Dependent, scope: Scope.REQUEST }, Tenant]),
        moduleOf('B', [{ provide: TOKEN, useClass: Other, scope: Scope.REQUEST }]),
      ],
    });
    const results = await Promise.all(found.map(async (each) => [each.name, typeof (await run(each))]));
    expect(results.sort()).toEqual([
      ['dependent', 'number'],
      ['other', 'string'],
    ]);
  });

  it('may be replaced by a stand-in of any scope', async () => {
    const builder = Test.createTestingModule({ providers: [Scoped, Helper, Tenant] });
    const app = await builder
      .overrideProvider(Scoped)
      .useValue({ execute: () => 'fake' })
      .compile();
    const [step] = explore(app);
    expect(await run(step!)).toBe('fake');

    const withClass = await only({ providers: [{ provide: Pay, useClass: Fake, scope: Scope.REQUEST }] });
    expect(withClass).toMatchObject({ name: 'pay', classes: [Pay] });
    expect((await withClass.resolve()).handler).not.toBe((await withClass.resolve()).handler);
  });

  it.each<[string, Provider]>([
    ['a request-scoped factory', { provide: Pay, useFactory: () => new Pay(), scope: Scope.REQUEST }],
    ['a transient factory', { provide: Pay, useFactory: () => new Pay(), scope: Scope.TRANSIENT }],
    [
      'a factory that injects a scoped class',
      { provide: Pay, useFactory: () => new Pay(), inject: [Tenant] },
    ],
  ])('are refused when they come from %s', async (_what, provider) => {
    await expect(steps({ providers: [provider, Tenant] })).rejects.toThrow(
      /Pay cannot be a step: it is provided by a factory.*Pay in RootTestModule/,
    );
  });

  it('are found once when an alias stands for them', async () => {
    const found = await only({ providers: [{ provide: Pay, useExisting: Dependent }, Dependent, Tenant] });
    expect(found.name).toBe('dependent');
  });

  it('are refused when they turn out to have no execute', async () => {
    class Empty {}
    (Step({ name: 'empty', scope: Scope.REQUEST }) as (target: unknown) => void)(Empty);
    const step = await only({ providers: [Empty] });
    await expect(step.resolve()).rejects.toThrow(InvalidStepClassError);
  });

  it('are not kept after the attempt', async () => {
    const app = await Test.createTestingModule({ providers: [Dependent, Tenant] }).compile();
    const [step] = explore(app);
    const seen = new Set<unknown>();
    for (let attempt = 0; attempt < 3; attempt++) seen.add((await step!.resolve()).handler);
    expect(seen.size).toBe(3);
  });
});
