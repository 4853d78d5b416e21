import { Logger, Scope, type Provider } from '@nestjs/common';
import { Validate, ValidatorConstraint, type ValidatorConstraintInterface } from 'class-validator';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Step, UnrecoverableStepError, type StepHandler } from '../../../lib/index.js';
import { TestApplication, type ApplicationOptions } from '../../support/application.js';
import { describeBackends } from '../../support/database.js';
import { Databases, describeAtDtm } from '../../support/placements.js';
import { makeDue } from '../../support/stored-job.js';
import { waitFor } from '../../support/wait-for.js';

/** What the steps need before they can begin. It throws while `problem` is set. */
const directory = { asked: 0, problem: undefined as Error | undefined };
const ask = async (): Promise<boolean> => {
  directory.asked += 1;
  if (directory.problem) throw directory.problem;
  return true;
};
const DIRECTORY: Provider = { provide: 'directory', scope: Scope.REQUEST, useFactory: ask };
const attempts: number[] = [];

function needsDirectory(step: new (...args: any[]) => StepHandler): void {
  Reflect.defineMetadata('self:paramtypes', [{ index: 0, param: 'directory' }], step);
  Reflect.defineMetadata('design:paramtypes', [Object], step);
}

@Step({ name: 'plain', retry: { maxAttempts: 1 } })
class Plain implements StepHandler<unknown> {
  execute(_: unknown, { attempt }: { attempt: number }): void {
    attempts.push(attempt);
  }
}
needsDirectory(Plain);

@Step({ name: 'transactional', transactional: true, retry: { maxAttempts: 2, delay: 0 } })
class Transactional extends Plain {}
needsDirectory(Transactional);

@ValidatorConstraint({ async: true })
class IsListed implements ValidatorConstraintInterface {
  validate(): Promise<boolean> {
    return ask();
  }
}
class Customer {
  @Validate(IsListed)
  id!: number;
}

@Step({ name: 'validated', args: Customer, retry: { maxAttempts: 2, delay: 0 } })
class Validated extends Plain {}

@Step({ name: 'elsewhere', transactional: { dataSource: 'nowhere' } })
class Elsewhere extends Plain {}
needsDirectory(Elsewhere);

const AWAY = 'connect ECONNREFUSED: the directory is away';
const STEPS = [Plain, Transactional, Validated];
const lines = (warn: { mock: { calls: unknown[][] } }, gid: string) =>
  warn.mock.calls
    .map(([line]) => line as { gid?: string; message?: string; error?: string })
    .filter((line) => line.gid === gid);

beforeEach(() => {
  directory.problem = undefined;
  attempts.length = directory.asked = 0;
});

describeBackends('an attempt whose step never began', (backend) => {
  let databases: Databases;
  let app: TestApplication;

  beforeEach(async () => {
    databases = await Databases.create(backend, 'one');
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await databases.drop();
  });

  const start = async (options: ApplicationOptions = {}) => {
    app = await TestApplication.start(databases, { providers: [DIRECTORY, ...STEPS], ...options });
  };
  const job = async (step: (typeof STEPS)[number]) => {
    const args = step === Validated ? Object.assign(new Customer(), { id: 7 }) : undefined;
    const started = app.jobs.createJob({ transaction: 'none', delay: 200 });
    return (await started.addStep<any>(step, args).start()).gid;
  };
  const turnedAway = (gid: string) =>
    waitFor(async () => {
      const found = (await app.admin.find(gid))!;
      return found.error === null || found.steps[0]!.status === 'running' ? undefined : found;
    });
  const again = async (gid: string) => {
    const { asked } = directory;
    await waitFor(async () => (await makeDue(databases, gid), directory.asked > asked));
  };

  it.each([
    ['a dependency could not be made', Plain],
    ['a dependency of a transactional step could not be made', Transactional],
    ['a constraint could not tell', Validated],
  ])('since %s does not count, and the job goes on when that is over', async (_, step) => {
    const warn = vi.spyOn(Logger.prototype, 'warn');
    await start();
    const gid = await job(step);
    directory.problem = new Error(AWAY);
    const first = await turnedAway(gid);
    await again(gid);
    await again(gid);
    for (const found of [first, await turnedAway(gid)]) {
      expect(found).toMatchObject({ status: 'submitted', steps: [{ status: 'waiting', attempts: 0 }] });
      expect(found.error).toContain(AWAY);
    }
    expect(lines(warn, gid)[0]!.message).toContain('cannot begin in this process');
    expect(attempts).toEqual([]);

    directory.problem = undefined;
    await waitFor(async () => (await makeDue(databases, gid), (await app.admin.find(gid))!.endedAt));
    expect(await app.ended(gid)).toMatchObject({ status: 'succeeded', steps: [{ attempts: 1 }] });
    expect(attempts).toEqual([1]);
  });

  it('since its dependencies were not there in time does not count', async () => {
    const never = { ...DIRECTORY, useFactory: () => new Promise(() => {}) } as Provider;
    await start({ providers: [never, ...STEPS], selfTm: { gracePeriod: 100 } });
    const found = await turnedAway(await job(Plain));
    expect(found).toMatchObject({ status: 'submitted', steps: [{ status: 'waiting', attempts: 0 }] });
    expect(found.error).toContain("dependencies of the step 'plain'");
  });

  it('since a dependency says that it never can fails the job', async () => {
    await start();
    directory.problem = new UnrecoverableStepError('the tenant is gone');
    const found = await app.ended(await job(Transactional));
    expect(found).toMatchObject({ status: 'failed', steps: [{ attempts: 1 }] });
    expect(found.error).toContain('the tenant is gone');
    expect(attempts).toEqual([]);
  });
});

describeAtDtm(
  'an attempt at DTM whose step never began',
  (backend, placement) => {
    let databases: Databases;
    let app: TestApplication;

    beforeEach(async () => {
      databases = await Databases.create(backend, placement);
    });
    afterEach(async () => {
      vi.restoreAllMocks();
      await app.close();
      await databases.drop();
    });

    it('is repeated after the same wait, and not counted', async () => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      const waits: number[] = [];
      let gid = '';
      const useFactory = async () => {
        const { transaction } = await databases.dtm!.query(gid);
        waits.push(transaction!.next_cron_interval as number);
        if (waits.length < 4) throw new Error(AWAY);
      };
      app = await TestApplication.start(databases, {
        providers: [{ ...DIRECTORY, useFactory } as Provider, ...STEPS],
      });
      const started = app.jobs.createJob().addStep(Plain, undefined);
      ({ gid } = await app.dataSource.transaction(() => started.start()));
      expect((await app.ended(gid)).status).toBe('succeeded');
      expect(waits).toEqual([1, 1, 1, 1]);
      expect(attempts).toEqual([1]);
      expect(lines(warn, gid)[0]!.message).toContain('cannot begin in this process');
    });

    it('for want of the database of its transaction is not counted', async () => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      app = await TestApplication.start(databases, { providers: [DIRECTORY, Elsewhere] });
      const { gid } = await app.jobs.createJob({ transaction: 'none' }).addStep(Elsewhere, undefined).start();
      const [line] = await waitFor(() => {
        const told = lines(warn, gid);
        return told.length > 0 && told;
      });
      expect(line!.message).toContain('cannot begin in this process');
      expect(line!.error).toContain('nowhere');
      await app.admin.cancel(gid);
    });
  },
  ['postgres'],
);
