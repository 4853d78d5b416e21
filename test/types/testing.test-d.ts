// Checked by the compiler: a line under @ts-expect-error must not compile, everything else must.
import { Test } from '@nestjs/testing';
import { SteppingTesting } from 'nestjs-stepping/testing';
import type { StepHandler } from '../../lib/core/steps/step-context.js';

interface Order {
  readonly id: string;
  readonly customer: { readonly name: string; readonly since: Date };
  readonly lines: readonly { readonly sku: string }[];
}

class WithArgs implements StepHandler<Order> {
  // What the constructor takes does not matter.
  constructor(readonly dependency: Date) {}
  execute(_args: Order): void {}
}

class WithoutArgs implements StepHandler {
  execute(): void {}
}

declare const stepping: SteppingTesting;

void stepping.expectJob({ step: WithArgs });
void stepping.expectJob({ step: WithArgs, args: { id: '1' } });
void stepping.expectJob({ step: WithArgs, args: { customer: { name: 'Ada' }, lines: [{ sku: 'a' }] } });
void stepping.expectJob({ step: WithoutArgs, status: 'failed' });
void stepping.expectJob({ step: 'elsewhere', args: { whatever: true } });
void stepping.expectNoJob();
// @ts-expect-error -- an id is a text
void stepping.expectJob({ step: WithArgs, args: { id: 1 } });
// @ts-expect-error -- there is no such argument
void stepping.expectJob({ step: WithArgs, args: { number: 1 } });
// @ts-expect-error -- a list is compared as a whole
void stepping.expectJob({ step: WithArgs, args: { lines: [{}] } });
// @ts-expect-error -- no status of a job
void stepping.expectNoJob({ status: 'done' });
// @ts-expect-error -- no point of a crash
stepping.crashAt('step:lunch');
stepping.failNext(WithArgs, new Error('down'), 2);

// The builder comes back as what it was.
void stepping.override(Test.createTestingModule({})).compile();
