import 'reflect-metadata';
import { Test, type TestingModule } from '@nestjs/testing';
import { Type } from 'class-transformer';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DistributedJobFactory,
  InvalidStepArgumentsError,
  selfTm,
  Step,
  SteppingModule,
  type StepContext,
  type StepHandler,
} from '../../lib/index.js';

const received = new Map<string, (args: unknown) => void>();

class Line {
  sku!: string;
  @Type(() => Date) shippedAt?: Date;
}

class Invoice {
  number!: string;
  @Type(() => Date) issuedAt!: Date;
  @Type(() => Line) lines!: Line[];
}

@Step('receive')
class Receive implements StepHandler<unknown> {
  execute(args: unknown, context: StepContext): void {
    received.get(context.gid)!(args);
  }
}

@Step({ name: 'receive-invoice', args: Invoice })
class ReceiveInvoice implements StepHandler<Invoice> {
  execute(args: Invoice, context: StepContext): void {
    received.get(context.gid)!(args);
  }
}

describe('the arguments of a step', () => {
  let application: TestingModule;
  let count = 0;

  beforeAll(async () => {
    // JSON has no -0, which becomes 0: the one number that is let pass although it changes.
    expect.addEqualityTesters([(left, right) => (left === 0 && right === 0 ? true : undefined)]);
    application = await Test.createTestingModule({
      imports: [SteppingModule.forRoot({ transactionManager: selfTm({ store: 'memory' }) })],
      providers: [Receive, ReceiveInvoice],
    }).compile();
    await application.init();
  });
  afterAll(() => application.close());

  /** What the step is given of these arguments, by way of the store. */
  async function roundTrip(step: typeof Receive | typeof ReceiveInvoice, args: unknown): Promise<unknown> {
    const gid = `arguments-${(count += 1)}`;
    const given = new Promise((resolve) => received.set(gid, resolve));
    const job = application.get(DistributedJobFactory).createJob({ gid, transaction: 'none' });
    await job.addStep(step as typeof Receive, args).start();
    const result = await given;
    received.delete(gid);
    return result;
  }

  it('come back as they were, if they are JSON', async () => {
    const values = fc.jsonValue({ maxDepth: 5 });
    await fc.assert(
      fc.asyncProperty(values, async (args) => {
        expect(await roundTrip(Receive, args)).toEqual(args);
      }),
      { numRuns: 200, examples: [[[-0]]] },
    );
  });

  it('come back as they were, or are refused with a path, whatever they are', async () => {
    const values = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    await fc.assert(
      fc.asyncProperty(values, async (args) => {
        let back: unknown;
        try {
          back = await roundTrip(Receive, args);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidStepArgumentsError);
          expect((error as InvalidStepArgumentsError).path).toMatch(/^args/);
          return;
        }
        expect(back).toEqual(args);
      }),
      { numRuns: 400 },
    );
  });

  it('come back as instances of their class, with the dates and instances inside', async () => {
    const dates = fc.date({ noInvalidDate: true });
    const lines = fc
      .record({ sku: fc.string(), shippedAt: dates }, { requiredKeys: ['sku'] })
      .map((values) => Object.assign(new Line(), values));
    const invoices = fc
      .record({ number: fc.string(), issuedAt: dates, lines: fc.array(lines, { maxLength: 4 }) })
      .map((values) => Object.assign(new Invoice(), values));
    await fc.assert(
      fc.asyncProperty(invoices, async (invoice) => {
        const back = (await roundTrip(ReceiveInvoice, invoice)) as Invoice;
        expect(back).toBeInstanceOf(Invoice);
        expect(back.lines.every((line) => line instanceof Line)).toBe(true);
        expect(back).toEqual(invoice);
      }),
      { numRuns: 200 },
    );
  });
});
