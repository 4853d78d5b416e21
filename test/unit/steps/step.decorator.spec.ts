import 'reflect-metadata';
import { Injectable, Scope } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { stepMetadataOf } from '../../../lib/core/steps/step.decorator.js';
import { Step } from '../../../lib/core/steps/step.decorator.js';
import { InvalidStepClassError } from '../../../lib/errors/index.js';

function scopeOf(target: object): unknown {
  return (Reflect.getMetadata('scope:options', target) as { scope?: Scope } | undefined)?.scope;
}

describe('@Step()', () => {
  it('takes the name of the class unless it is given one', () => {
    @Step()
    class SendEmail {
      execute(): void {}
    }
    @Step('send-email')
    class Other {
      execute(): void {}
    }
    expect(stepMetadataOf(SendEmail)).toMatchObject({ name: 'SendEmail', aliases: [], transactional: false });
    expect(stepMetadataOf(Other)).toMatchObject({ name: 'send-email' });
  });

  it('keeps every option', () => {
    class Args {
      readonly id!: string;
    }
    const retry = { maxAttempts: 3 };
    @Step({
      name: 'pay',
      aliases: ['Pay', 'pay', 'Pay'],
      args: Args,
      retry,
      timeout: '5s',
      transactional: true,
    })
    class Pay {
      execute(_args: Args): void {}
    }
    expect(stepMetadataOf(Pay)).toEqual({
      name: 'pay',
      aliases: ['Pay'],
      argsClass: Args,
      retry,
      timeout: '5s',
      transactional: {},
      checkArguments: undefined,
    });
  });

  it('names the DataSource of a transactional step', () => {
    @Step({ transactional: { dataSource: 'orders' } })
    class Pay {
      execute(): void {}
    }
    expect(stepMetadataOf(Pay)?.transactional).toEqual({ dataSource: 'orders' });
  });

  it('is not inherited', () => {
    @Step('base')
    class Base {
      execute(): void {}
    }
    class Derived extends Base {}
    expect(stepMetadataOf(Base)?.name).toBe('base');
    expect(stepMetadataOf(Derived)).toBeUndefined();
  });

  it('takes the time-out of the step class that it extends, unless it has its own', () => {
    @Step({ name: 'base', timeout: '30s', concurrency: 2, retry: { maxAttempts: 3 }, transactional: true })
    class Base {
      execute(): void {}
    }
    class Between extends Base {}
    @Step('derived')
    class Derived extends Between {}
    @Step({ name: 'quick', timeout: 100 })
    class Quick extends Derived {}
    expect(stepMetadataOf(Derived)).toMatchObject({ timeout: '30s', transactional: false });
    expect(stepMetadataOf(Derived)).toMatchObject({ retry: undefined, concurrency: undefined });
    expect(stepMetadataOf(Quick)?.timeout).toBe(100);
  });

  it('reads nothing from what is no class', () => {
    expect([undefined, null, 'token', Symbol('s'), {}, () => 1].map((each) => stepMetadataOf(each))).toEqual(
      Array.from({ length: 6 }, () => undefined),
    );
  });

  it('makes the class injectable in the scope asked for', () => {
    @Step({ scope: Scope.REQUEST })
    class PerAttempt {
      execute(): void {}
    }
    @Step()
    class Singleton {
      execute(): void {}
    }
    expect(scopeOf(PerAttempt)).toBe(Scope.REQUEST);
    expect(scopeOf(Singleton)).toBeUndefined();
    expect(Reflect.hasOwnMetadata('__injectable__', Singleton)).toBe(true);
  });

  it('leaves the scope of an @Injectable() alone, in either order', () => {
    @Step('a')
    @Injectable({ scope: Scope.REQUEST })
    class Above {
      execute(): void {}
    }
    @Injectable({ scope: Scope.TRANSIENT })
    @Step('b')
    class Below {
      execute(): void {}
    }
    expect(scopeOf(Above)).toBe(Scope.REQUEST);
    expect(scopeOf(Below)).toBe(Scope.TRANSIENT);
  });

  it('does not take the scope of a base class', () => {
    @Injectable({ scope: Scope.REQUEST })
    class Base {
      execute(): void {}
    }
    @Step()
    class Derived extends Base {}
    expect(Reflect.getOwnMetadata('scope:options', Derived)).toBeUndefined();
    expect(Reflect.hasOwnMetadata('scope:options', Derived)).toBe(true);
  });

  it.each(['', 'x'.repeat(256), 'a\nb', 'a\u0000', '\u007f', 5 as unknown as string])(
    'refuses the name %j, also as an alias',
    (name) => {
      class Pay {
        execute(): void {}
      }
      expect(() => Step({ name })(Pay)).toThrow(InvalidStepClassError);
      expect(() => Step({ name: 'pay', aliases: [name] })(Pay)).toThrow(/^Pay cannot be a step/);
      expect(stepMetadataOf(Pay)).toBeUndefined();
    },
  );

  it.each<[unknown, RegExp]>([
    [undefined, /^Pay cannot be a step: its 'args' is undefined.*circular import/],
    ['PayArguments', /^Pay cannot be a step: its 'args' is "PayArguments" and no class/],
    [null, /no class/],
  ])('refuses %j as the class of the arguments', (args, message) => {
    class Pay {
      execute(): void {}
    }
    expect(() => Step({ name: 'pay', args: args as never })(Pay)).toThrow(message);
    expect(stepMetadataOf(Pay)).toBeUndefined();
  });

  it('takes 255 characters of any language', () => {
    class Pay {
      execute(): void {}
    }
    Step('ü'.repeat(255))(Pay);
    expect(stepMetadataOf(Pay)?.name).toHaveLength(255);
  });

  it('asks for a name where the class has none', () => {
    expect(() =>
      Step()(
        class {
          execute(): void {}
        },
      ),
    ).toThrow(/without a name.*@Step\('name'\)/);
  });
});
