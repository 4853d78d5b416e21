// Checked by the compiler: a line under @ts-expect-error must not compile, everything else must.
import { Type } from 'class-transformer';
import type { EntityManager } from 'typeorm';
import type { DistributedJob } from '../../lib/core/jobs/distributed-job.js';
import type { StepContext, StepHandler } from '../../lib/core/steps/step-context.js';
import { Step } from '../../lib/core/steps/step.decorator.js';
import { HttpRequestStep } from '../../lib/core/http/http-request.step.js';

interface Order {
  readonly id: string;
  readonly lines: readonly { readonly sku: string; readonly qty: number }[];
}

declare const job: DistributedJob;
const addStep = job.addStep.bind(job) as DistributedJob['addStep'];

class WithArgs implements StepHandler<Order> {
  // What the constructor takes does not matter.
  constructor(readonly dependency: Date) {}
  async execute(args: Order, context: StepContext): Promise<string> {
    return args.id + context.idempotencyKey;
  }
}

class WithoutParameters implements StepHandler {
  execute(): void {}
}

class WithVoid implements StepHandler {
  async execute(_: void, context: StepContext): Promise<void> {
    await Promise.resolve(context.attempt);
  }
}

class WithOptional implements StepHandler<Order | undefined> {
  execute(args?: Order, context?: StepContext): unknown {
    return [args, context];
  }
}

class WithUndefined implements StepHandler<Order | undefined> {
  execute(args: Order | undefined, context: StepContext): unknown {
    return [args, context];
  }
}

class WithUnion implements StepHandler<Order | string> {
  execute(args: Order | string): unknown {
    return args;
  }
}

class WithUnknown implements StepHandler<unknown> {
  execute(args: unknown): unknown {
    return args;
  }
}

class WithAny implements StepHandler<any> {
  execute(args: any): unknown {
    return args;
  }
}

class WithManager implements StepHandler<Order> {
  async execute(args: Order, { manager }: StepContext<EntityManager>): Promise<void> {
    await manager.save({ id: args.id });
  }
}

class WithProperty {
  readonly execute = async (args: Order): Promise<void> => {
    await Promise.resolve(args);
  };
}

class Generic<T> implements StepHandler<T> {
  execute(args: T): unknown {
    return args;
  }
}
class Concrete extends Generic<Order> {}

abstract class AbstractStep implements StepHandler<Order> {
  abstract execute(args: Order): unknown;
}

class NoStep {
  run(): void {}
}

const order: Order = { id: '1', lines: [] };

export function arguments_(): void {
  addStep(WithArgs, order);
  addStep(WithArgs, { id: '1', lines: [{ sku: 'a', qty: 1 }] });
  // @ts-expect-error the arguments are missing
  addStep(WithArgs);
  // @ts-expect-error undefined is no order
  addStep(WithArgs, undefined);
  // @ts-expect-error a property is missing
  addStep(WithArgs, { id: '1' });
  // @ts-expect-error a property has the wrong type
  addStep(WithArgs, { id: 1, lines: [] });
  // @ts-expect-error a nested property has the wrong type
  addStep(WithArgs, { id: '1', lines: [{ sku: 'a', qty: '1' }] });
  // @ts-expect-error a property is superfluous
  addStep(WithArgs, { id: '1', lines: [], total: 5 });
  // @ts-expect-error a nested property is superfluous
  addStep(WithArgs, { id: '1', lines: [{ sku: 'a', qty: 1, price: 2 }] });
  // @ts-expect-error too many
  addStep(WithArgs, order, order);

  addStep(WithoutParameters);
  addStep(WithVoid);
  // @ts-expect-error the step takes no arguments
  addStep(WithoutParameters, {});
  // @ts-expect-error the step takes no arguments
  addStep(WithVoid, {});
  addStep(WithVoid, undefined);

  addStep(WithOptional);
  addStep(WithOptional, order);
  addStep(WithUndefined);
  addStep(WithUndefined, undefined);
  addStep(WithUndefined, order);
  // @ts-expect-error a property has the wrong type
  addStep(WithOptional, { id: 1, lines: [] });
  // @ts-expect-error a property is superfluous
  addStep(WithUndefined, { id: '1', lines: [], total: 5 });

  addStep(WithUnion, order);
  addStep(WithUnion, 'text');
  // @ts-expect-error neither of both
  addStep(WithUnion, 5);
  // @ts-expect-error the arguments are missing
  addStep(WithUnion);

  addStep(WithUnknown, { anything: true });
  addStep(WithAny, { anything: true });
  // @ts-expect-error something must be passed
  addStep(WithUnknown);
  // @ts-expect-error something must be passed
  addStep(WithAny);

  addStep(WithManager, order);
  addStep(WithProperty, order);
  addStep(Concrete, order);
  addStep(AbstractStep, order);
  // @ts-expect-error a property has the wrong type
  addStep(WithProperty, { id: 1, lines: [] });
  // @ts-expect-error a property has the wrong type
  addStep(Concrete, { id: 1, lines: [] });
  // @ts-expect-error the class has no execute
  addStep(NoStep);

  addStep(HttpRequestStep, { url: 'https://example.org', body: { a: [1] }, timeout: '5s' });
  addStep(HttpRequestStep, {
    url: 'https://example.org',
    headers: { a: 'b', c: { secret: 'D' } },
    redirect: 'follow',
  });
  // @ts-expect-error a header is neither a text nor a secret
  addStep(HttpRequestStep, { url: 'https://example.org', headers: { a: { name: 'b' } } });
  // @ts-expect-error the url is missing
  addStep(HttpRequestStep, { method: 'GET' });
  // @ts-expect-error a property is superfluous
  addStep(HttpRequestStep, { url: 'https://example.org', header: {} });

  addStep('remote-step');
  addStep('remote-step', { anything: true });
}

export function overrides(): void {
  const options = { timeout: '5s', retry: { maxAttempts: 3, delay: 10 } };
  addStep(WithArgs, order, options);
  addStep(WithoutParameters, undefined, options);
  addStep(WithVoid, undefined, options);
  addStep(WithOptional, undefined, options);
  addStep(WithUndefined, order, options);
  addStep(WithAny, { anything: true }, options);
  addStep(HttpRequestStep, { url: 'https://example.org' }, options);
  addStep('remote-step', undefined, options);
  addStep('remote-step', { anything: true }, {});
  // @ts-expect-error they come third
  addStep(WithoutParameters, options);
  // @ts-expect-error they come third
  addStep(WithOptional, options);
  // @ts-expect-error the arguments are missing
  addStep(WithArgs, undefined, options);
  // @ts-expect-error no such option
  addStep(WithArgs, order, { timeOut: '5s' });
  // @ts-expect-error no such option
  addStep('remote-step', {}, { retry: { attempts: 3 } });
  // @ts-expect-error a function cannot be stored
  addStep(WithArgs, order, { retry: () => false });
  // @ts-expect-error too many
  addStep(WithArgs, order, options, options);
}

export async function started(): Promise<[string, boolean]> {
  const { gid, created } = await job.addStep(WithVoid).addStep(WithArgs, order).start();
  return [gid, created];
}

class OrderArgs implements Order {
  id!: string;
  lines!: { sku: string; qty: number }[];
  @Type(() => Date) at!: Date;
}

class CustomerArgs {
  customer!: string;
}

@Step()
export class Plain {
  execute(): void {}
}

@Step('named')
export class Named {
  execute(_: void, context: StepContext): unknown {
    return context.gid;
  }
}

@Step({
  name: 'all',
  aliases: ['old'],
  args: OrderArgs,
  retry: { maxAttempts: 3 },
  timeout: '5s',
  transactional: true,
})
export class AllOptions implements StepHandler<OrderArgs> {
  execute(args: OrderArgs, context: StepContext): unknown {
    return [args.at, context.manager];
  }
}

@Step({
  args: OrderArgs,
  transactional: { dataSource: 'orders' },
  retry: (attempt) => (attempt < 5 ? '1m' : false),
})
export class WiderParameter implements StepHandler<Order> {
  // An instance of OrderArgs is an Order.
  execute(args: Order, { manager }: StepContext<EntityManager>): unknown {
    return manager.count(OrderArgs, { where: { id: args.id } });
  }
}

@Step({ name: 'no-class', timeout: 500 })
export class WithoutArgsClass {
  execute(args: Order): unknown {
    return args;
  }
}

// @ts-expect-error the class has no execute
@Step()
export class Empty {}

// @ts-expect-error the class has no execute
@Step({ name: 'empty' })
export class EmptyWithOptions {}

// @ts-expect-error execute is no function
@Step('property')
export class NotAFunction {
  execute = 5;
}

// @ts-expect-error a CustomerArgs is no Order
@Step({ args: CustomerArgs })
export class WrongArgsClass {
  execute(args: Order): unknown {
    return args;
  }
}

// @ts-expect-error an OrderArgs need not have what the parameter asks for
@Step({ args: OrderArgs })
export class NarrowerParameter {
  execute(args: OrderArgs & { total: number }): unknown {
    return args;
  }
}

// @ts-expect-error there is no such option
@Step({ retries: 3 })
export class UnknownOption {
  execute(): void {}
}

// @ts-expect-error the DataSource is missing
@Step({ transactional: {} })
export class UnnamedDataSource {
  execute(): void {}
}

export class WrongHandler implements StepHandler<Order> {
  // @ts-expect-error a step's execute must accept what its interface says
  execute(args: Date): unknown {
    return args;
  }
}
