import { describe, expect, it } from 'vitest';
import type { StepDefinition } from '../../../lib/core/steps/step-definition.js';
import { Step } from '../../../lib/core/steps/step.decorator.js';
import { StepRegistry } from '../../../lib/core/steps/step.registry.js';
import {
  DuplicateStepNameError,
  InvalidStepClassError,
  StepNotFoundError,
} from '../../../lib/errors/index.js';

@Step('pay')
class Pay {
  execute(): void {}
}

@Step('ship')
class Ship {
  execute(): void {}
}

class Plain {
  execute(): void {}
}

function definition(values: Partial<StepDefinition>): StepDefinition {
  return {
    name: 'pay',
    aliases: [],
    transactional: false,
    place: 'Pay in AppModule',
    classes: [Pay],
    resolve: () => Promise.resolve({ handler: new Pay() }),
    ...values,
  };
}

describe('StepRegistry', () => {
  it('finds a step by its name and its aliases', () => {
    const registry = new StepRegistry();
    const pay = definition({ aliases: ['Pay', 'charge'] });
    registry.register([pay]);
    expect([registry.get('pay'), registry.get('charge'), registry.get('Pay')]).toEqual([pay, pay, pay]);
    expect(registry.names()).toEqual(['pay', 'Pay', 'charge']);
    expect([registry.has('charge'), registry.has('toString')]).toEqual([true, false]);
    expect(registry.get('ship')).toBeUndefined();
  });

  it('names a step by each of its classes', () => {
    const registry = new StepRegistry();
    registry.register([definition({ name: 'fake', classes: [Pay, Ship] })]);
    expect([registry.nameOf(Pay), registry.nameOf(Ship)]).toEqual(['fake', 'fake']);
  });

  it('says that a step is provided nowhere', () => {
    const registry = new StepRegistry();
    registry.register([definition({})]);
    expect(() => registry.nameOf(Ship)).toThrow(StepNotFoundError);
    expect(() => registry.nameOf(Ship)).toThrow(/'Ship'.*'pay'.*providers.*not loaded lazily/);
  });

  it('says that a class is no step', () => {
    const registry = new StepRegistry();
    expect(() => registry.nameOf(Plain)).toThrow(InvalidStepClassError);
    expect(() => registry.nameOf(undefined as never)).toThrow(InvalidStepClassError);
    expect(() => registry.nameOf(undefined as never)).toThrow(/^undefined cannot be a step.*circular import/);
  });

  it.each<[string, Partial<StepDefinition>, string]>([
    ['a name', { name: 'pay' }, 'pay'],
    ['an alias that is a name', { name: 'ship', aliases: ['pay'] }, 'pay'],
    ['a name that is an alias', { name: 'charge' }, 'charge'],
    ['an alias', { name: 'ship', aliases: ['charge'] }, 'charge'],
  ])('refuses %s that is taken, naming both places', (_what, second, taken) => {
    const registry = new StepRegistry();
    const both = [
      definition({ aliases: ['charge'] }),
      definition({ place: 'Ship in ShopModule', ...second }),
    ];
    let error: unknown;
    try {
      registry.register(both);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DuplicateStepNameError);
    expect(error).toMatchObject({ stepName: taken, places: ['Pay in AppModule', 'Ship in ShopModule'] });
  });
});
