import { Type } from 'class-transformer';
import {
  IsDate,
  IsEmail,
  IsInt,
  Min,
  Validate,
  ValidateNested,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { expect, it } from 'vitest';
import {
  InvalidStepArgumentsError,
  Step,
  MAX_JOB_BYTES,
  MAX_JOB_STEPS,
  StepArgumentsTooLargeError,
  TooManyStepsError,
  UnrecoverableStepError,
  type StepContext,
  type StepHandler,
} from '../../../lib/index.js';
import { suiteApplication } from '../../support/suite-application.js';
import { codecIsOn } from '../../support/codec.js';
import { TestApplication } from '../../support/application.js';
import { describeManagers } from '../../support/placements.js';
import { Order } from '../../support/order.entity.js';
import { encodedBytes } from '../../../lib/core/jobs/job-message.js';
import { Recording } from '../../support/recording.js';
import { Ping, ReserveStock } from '../../support/steps.js';

class Line {
  @IsInt()
  @Min(1)
  quantity!: number;
}
class Invitation {
  @IsEmail()
  email!: string;
  @Type(() => Date)
  @IsDate()
  at!: Date;
  @Type(() => Line)
  @ValidateNested({ each: true })
  lines!: Line[];
}

@Step({ name: 'invite', args: Invitation })
class Invite implements StepHandler<Invitation> {
  constructor(private readonly recording: Recording) {}
  async execute(args: Invitation, context: StepContext): Promise<void> {
    await this.recording.note('invite', args, context);
  }
}

@ValidatorConstraint({ async: true })
class IsKnown implements ValidatorConstraintInterface {
  async validate(id: unknown): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    return id === 1;
  }
}
class Customer {
  @Validate(IsKnown)
  id!: number;
}

@Step({ name: 'welcome', args: Customer })
class Welcome implements StepHandler<Customer> {
  execute(_: Customer): void {}
}

@Step('anything')
class Anything implements StepHandler<unknown> {
  constructor(private readonly recording: Recording) {}
  async execute(args: unknown, context: StepContext): Promise<void> {
    await this.recording.note('anything', args, context);
  }
}

/** Of a size: what a codec stores is larger by a third. */
const PART = codecIsOn ? 0.74 : 1;
const MIB = 1024 * 1024;

describeManagers(
  'arguments of steps',
  (backend, placement) => {
    let app: TestApplication;
    suiteApplication(backend, placement, (started) => ({ app } = started), {
      providers: [Invite, Anything, Welcome],
      ...(placement === 'dtm-grpc' && { dtm: { maxPayloadBytes: 3 * MIB } }),
    });

    const roundTrip = async (args: unknown): Promise<unknown> => {
      const { gid } = await app.dataSource.transaction(async () =>
        app.jobs.createJob({ name: 'naïve \u{1F680}' }).addStep(Ping).addStep(Anything, args).start(),
      );
      const job = await app.ended(gid);
      expect(job).toMatchObject({ status: 'succeeded', name: 'naïve \u{1F680}' });
      expect(job.steps[1]!.args).toEqual(args);
      return app.recording.of(gid)[1]!.args;
    };

    it('come back as they were, whatever characters they have', async () => {
      const args = {
        nul: 'a\u0000b',
        emoji: '\u{1F469}‍\u{1F680} \u{10FFFF}',
        lone: '\uD800',
        quotes: `'"\\%_$1?:x;--`,
        lines: '\r\n\t\u2028',
        '\u0000key': [null, true, -0.5, 1e300, '', [], {}],
        __proto__x: 1,
      };
      expect(await roundTrip(args)).toEqual(args);
    });

    it('may have a megabyte', async ({ skip }) => {
      // Express takes 100 kB unless the application says otherwise, and DTM on MySQL 64 KiB.
      if (placement === 'dtm-http')
        skip('DTM over HTTP is given 65,535 bytes at most, unless told otherwise');
      const args = { text: 'ü'.repeat(MIB / 2), lines: ['end'] };
      expect(await roundTrip(args)).toEqual(args);
    });

    it('of a size that DTM would not deliver are refused at the start, and nothing is sent', async ({
      skip,
    }) => {
      if (placement !== 'dtm-http') skip('only where DTM is given 65,535 bytes at most');
      const args = { text: 'x'.repeat(65_000 * PART) };
      expect(await roundTrip(args)).toEqual(args);
      const large = app.jobs.createJob().addStep(Anything, 'x'.repeat(65_535));
      await app.dataSource.transaction(async (manager) => {
        await expect(large.start()).rejects.toMatchObject({ code: 'STEPPING_DTM_LIMIT', limit: 65_535 });
        await manager.insert(Order, { id: 'goes-on' });
      });
      expect(await app.dataSource.getRepository(Order).countBy({ id: 'goes-on' })).toBe(1);
      expect(await app.admin.find(large.gid)).toBeNull();
    });

    it('may have up to 4 MiB together, and no more', async ({ skip }) => {
      if (app.atDtm) skip('DTM takes 4 MiB as one message, with everything around the arguments');
      const around = encodedBytes({ name: 'anything', args: JSON.stringify('') }) + 1;
      const half = 'x'.repeat((2 * MIB - around) * PART);
      const job = app.jobs.createJob().addStep(Anything, half).addStep(Anything, half);
      // With a codec, start() counts: see payloads/codec.
      if (!codecIsOn) expect(() => job.addStep(Anything, 1)).toThrow(StepArgumentsTooLargeError);
      const { gid } = await job.start();
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(app.recording.of(gid).map(({ args }) => (args as string).length)).toEqual([
        half.length,
        half.length,
      ]);
      expect(() => app.jobs.createJob().addStep(Anything, 'x'.repeat(4 * MIB))).toThrow(
        StepArgumentsTooLargeError,
      );
    });

    it('count with the names of their steps, of which there are 10,000 at most', () => {
      const job = app.jobs.createJob();
      const name = 'n'.repeat(255);
      const many = Math.floor(MAX_JOB_BYTES / encodedBytes({ name }));
      expect(many).toBeGreaterThan(MAX_JOB_STEPS);
      for (let n = 0; n < MAX_JOB_STEPS; n += 1) job.addStep(name);
      expect(() => job.addStep(name)).toThrow(TooManyStepsError);

      const large = app.jobs.createJob();
      const args = 'x'.repeat(MAX_JOB_BYTES / 100);
      for (let n = 0; n < 99; n += 1) large.addStep(name, args);
      expect(() => large.addStep(name, args)).toThrow(StepArgumentsTooLargeError);
    });

    it('are restored as instances of their class', async () => {
      const args = Object.assign(new Invitation(), {
        email: 'ada@example.org',
        at: new Date('2026-02-03T04:05:06.789Z'),
        lines: [Object.assign(new Line(), { quantity: 2 })],
      });
      const { gid } = await app.dataSource.transaction(async () =>
        app.jobs.createJob().addStep(Ping).addStep(Invite, args).start(),
      );
      expect((await app.ended(gid)).status).toBe('succeeded');
      const restored = app.recording.of(gid)[1]!.args as Invitation;
      expect(restored).toBeInstanceOf(Invitation);
      expect(restored.lines[0]).toBeInstanceOf(Line);
      expect(restored.at).toEqual(args.at);
      expect(restored).toEqual(args);
    });

    it('are validated before anything is stored, and the transaction goes on', async () => {
      const line = (quantity: number): Line => Object.assign(new Line(), { quantity });
      const bad = [
        [{ email: 'nobody', at: new Date(), lines: [] }, 'args.email'],
        [{ email: 'a@example.org', at: new Date(), lines: [line(1), line(0)] }, 'args.lines[1].quantity'],
      ] as const;
      const { gid } = await app.dataSource.transaction(async () => {
        const job = app.jobs.createJob();
        for (const [args, path] of bad) {
          expect(() => job.addStep(Invite, args as never)).toThrow(InvalidStepArgumentsError);
          expect(() => job.addStep(Invite, args as never)).toThrow(path);
        }
        expect(() => job.addStep(Anything, { at: new Date() })).toThrow(/args\.at/);
        expect(() => job.addStep(Anything, { big: 1n })).toThrow(/args\.big/);
        return job.addStep(ReserveStock, { orderId: '1' }).start();
      });
      expect((await app.ended(gid)).steps).toHaveLength(1);
      expect(app.recording.trace(gid)).toEqual(['reserve-stock#1']);
    });

    it('are refused by start() where only an asynchronous constraint can tell, and nothing is stored', async () => {
      const create = (id: number) => app.jobs.createJob({ transaction: 'none' }).addStep(Welcome, { id });
      const refused = create(2);
      await expect(refused.start()).rejects.toMatchObject({
        name: 'InvalidStepArgumentsError',
        path: 'args.id',
      });
      expect(await app.admin.find(refused.gid).catch(() => null)).toBeNull();
      const inside = app.dataSource.transaction(async () => {
        await app.jobs.createJob().addStep(Welcome, { id: 2 }).start();
      });
      await expect(inside).rejects.toBeInstanceOf(InvalidStepArgumentsError);
      // Without await: the transaction waits for the start, and so for the constraint.
      const { gid } = await app.dataSource.transaction(async () => {
        const job = app.jobs.createJob().addStep(Welcome, { id: 1 });
        void job.start();
        return job;
      });
      expect((await app.ended(gid)).status).toBe('succeeded');
    });

    it('and errors may hold what a database cannot', async ({ skip }) => {
      if (app.atDtm) skip('DTM keeps no errors of steps');
      app.recording.onExecute = () => {
        throw new UnrecoverableStepError(
          `nul \u0000, half \uD800, rocket \u{1F680}, ${'long '.repeat(5000)}`,
        );
      };
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Ping).start();
      const job = await app.ended(gid);
      app.recording.onExecute = () => undefined;
      expect(job.status).toBe('failed');
      expect(job.error).toContain('nul , half \uFFFD, rocket \u{1F680}, long');
      expect(job.error!.length).toBeLessThanOrEqual(4000);
    });
  },
  { atDtm: ['postgres'] },
);
