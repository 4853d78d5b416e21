import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createStepContext } from '../../../lib/core/steps/step-context.js';
import { StepStop } from '../../../lib/core/steps/step-context.js';
import type { EntityManagerLike } from '../../../lib/core/transactions/typeorm.types.js';
import { StepNotTransactionalError } from '../../../lib/errors/index.js';

const told = {
  gid: 'g1',
  stepIndex: 2,
  stepName: 'pay',
  attempt: 3,
};
const values = { ...told, stop: new StepStop() };

describe('createStepContext', () => {
  it('gives every step of a job its own key, the same in every attempt', () => {
    expect(createStepContext(values).idempotencyKey).toBe('g1:2');
    expect(createStepContext({ ...values, attempt: 9 }).idempotencyKey).toBe('g1:2');
    expect(createStepContext({ ...values, stepIndex: 3 }).idempotencyKey).toBe('g1:3');
  });

  it('gives the manager of a transactional step', () => {
    const manager = {} as EntityManagerLike;
    expect(createStepContext(values, manager).manager).toBe(manager);
  });

  it('explains itself when another step reads the manager', () => {
    const context = createStepContext(values);
    expect(() => context.manager).toThrow(StepNotTransactionalError);
    expect(() => context.manager).toThrow(/'pay'.*transactional: true/);
  });

  it('can be copied, logged and written as JSON without a manager', () => {
    const context = createStepContext(values);
    expect({ ...context }).toEqual({ ...told, signal: values.stop.signal, idempotencyKey: 'g1:2' });
    expect(inspect(context)).toContain("gid: 'g1'");
    expect(JSON.parse(JSON.stringify(context))).toMatchObject({ gid: 'g1', attempt: 3 });
  });

  it('cannot be changed by a step', () => {
    const context = createStepContext(values) as { attempt: number };
    expect(() => {
      context.attempt = 1;
    }).toThrow(TypeError);
  });
});
