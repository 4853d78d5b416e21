import { describe, expect, it } from 'vitest';
import type { ProcessInfo, StepPause } from '../../../lib/index.js';
import { recoveryPatience } from '../../../lib/tm/self/monitoring/recovery-patience.js';
import { explainJob } from '../../../lib/tm/self/monitoring/job-explainer.js';
import type { JobFacts } from '../../../lib/tm/self/monitoring/job-facts.js';

const now = new Date('2026-03-01T09:30:00Z');
const at = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);

/** A job that has been due for ten seconds, in a fleet of one healthy worker. */
function explained(
  record: Partial<JobFacts['record']> = {},
  others: Partial<Omit<JobFacts, 'record'>> = {},
): ReturnType<typeof explainJob> {
  return explainJob({
    record: {
      gid: 'g',
      status: 'submitted',
      stepIndex: 0,
      stepName: 'charge',
      attempts: 0,
      owner: null,
      lookup: null,
      createdAt: at(-60),
      dueAt: at(-10),
      endedAt: null,
      ...record,
    },
    error: null,
    own: { id: 'api', name: 'api-1:7', runsSteps: false, steps: [] },
    processes: [worker()],
    pause: undefined,
    patience: recoveryPatience(1000),
    now,
    ...others,
  });
}

function worker(values: Partial<ProcessInfo> = {}): ProcessInfo {
  return {
    id: 'w1',
    name: 'worker-1:41',
    host: 'worker-1',
    pid: 41,
    version: '0.1.0',
    state: 'alive',
    runsSteps: true,
    held: 0,
    startedAt: at(-3600),
    seenAt: at(-3),
    recoveredAt: at(-1),
    concurrency: 4,
    running: 1,
    waiting: 0,
    steps: ['charge'],
    busy: [],
    ...values,
  };
}

function pause(values: Partial<StepPause> = {}): StepPause {
  const defaults = {
    kind: 'pause',
    reason: 'The bank is down',
    by: 'ada',
    since: at(-300),
    until: null,
  } as const;
  return { ...defaults, ...values };
}

const codes = ({ reasons }: ReturnType<typeof explainJob>): string[] => reasons.map(({ code }) => code);
const text = ({ reasons }: ReturnType<typeof explainJob>): string => reasons[0]!.text;

describe('a job that waits for its time', () => {
  it('DELAYED: has a later start', () => {
    const explanation = explained({ dueAt: at(90) });
    expect(codes(explanation)).toEqual(['DELAYED']);
    expect(explanation.reasons[0]!.until).toEqual(at(90));
    expect(text(explanation)).toContain('2026-03-01 09:31:30Z (in 1 min 30 s)');
  });

  it('BACKING_OFF: its last attempt failed', () => {
    const explanation = explained(
      { dueAt: at(4), attempts: 2, stepIndex: 1 },
      { error: 'Error: declined\n    at charge.ts:1' },
    );
    expect(codes(explanation)).toEqual(['BACKING_OFF']);
    expect(text(explanation)).toBe(
      "Attempt 2 of step 1 ('charge') failed: Error: declined. Attempt 3 is due at 2026-03-01 09:30:04Z (in 4 s). " +
        'It is repeated until it succeeds or has no attempts left.',
    );
  });

  it.each([
    ['InvalidStepArgumentsError: Invalid arguments for the step', 0],
    ['PayloadKeyUnknownError: The key', 3],
    ['PayloadCorruptError: An encoded text', 0],
    ['UnreadableJobError: The stored job', 0],
  ])('ARGUMENTS_DO_NOT_FIT: a process could not read them (%s)', (error, attempts) => {
    const explanation = explained({ dueAt: at(8), attempts }, { error });
    expect(codes(explanation)).toEqual(['ARGUMENTS_DO_NOT_FIT']);
    expect(explanation.reasons[0]!.until).toEqual(at(8));
    expect(codes(explained({ attempts }, { error }))).toEqual(['ARGUMENTS_DO_NOT_FIT', 'DUE']);
  });

  it('COULD_NOT_BEGIN: another error, and no attempt', () => {
    const error = 'QueryFailedError: connection refused';
    expect(codes(explained({ dueAt: at(8) }, { error }))).toEqual(['COULD_NOT_BEGIN']);
    expect(codes(explained({ dueAt: at(8), attempts: 1 }, { error }))).toEqual(['BACKING_OFF']);
  });

  it('tells what will keep it from running then, after what it waits for', () => {
    expect(codes(explained({ dueAt: at(8) }, { processes: [] }))).toEqual(['DELAYED', 'NO_WORKERS']);
  });
});

describe('a job whose step is paused', () => {
  it('PAUSED: by whom, why, and until when', () => {
    const explanation = explained({}, { pause: pause() });
    expect(codes(explanation)).toEqual(['PAUSED']);
    expect(text(explanation)).toBe(
      "The step 'charge' is paused by ada since 2026-03-01 09:25:00Z (The bank is down). It has no end: resume the step.",
    );
    const ends = explained({}, { pause: pause({ until: at(60) }) });
    expect(ends.reasons[0]).toMatchObject({ code: 'PAUSED', until: at(60) });
    expect(text(ends)).toContain('It ends at 2026-03-01 09:31:00Z (in 1 min).');
  });

  it('BRAKED: until one attempt is tried', () => {
    const explanation = explained({}, { pause: pause({ kind: 'brake', until: at(30) }) });
    expect(explanation.reasons[0]).toMatchObject({ code: 'BRAKED', until: at(30) });
  });

  it('whichever lasts longer comes first', () => {
    const until = at(60);
    expect(codes(explained({ dueAt: at(30) }, { pause: pause({ until }) }))).toEqual(['PAUSED', 'DELAYED']);
    expect(codes(explained({ dueAt: at(90) }, { pause: pause({ until }) }))).toEqual(['DELAYED', 'PAUSED']);
    expect(codes(explained({ dueAt: at(90) }, { pause: pause() }))).toEqual(['PAUSED', 'DELAYED']);
  });

  it('says nothing of a pause that is over, or of another step', () => {
    expect(codes(explained({}, { pause: pause({ until: at(-1) }) }))).toEqual(['DUE']);
  });
});

describe('a job that a process holds', () => {
  const held = { owner: 'w1.2s', dueAt: at(20) };

  it('HELD_BY: a live process, which runs it or has it wait', () => {
    const waits = explained(held);
    expect(codes(waits)).toEqual(['HELD_BY']);
    expect(waits.reasons[0]).toMatchObject({
      until: at(20),
      process: { id: 'w1', name: 'worker-1:41', alive: true },
    });
    const busy = [{ gid: 'g', step: 'charge', since: at(-5) }];
    expect(text(explained(held, { processes: [worker({ busy })] }))).toBe(
      "Process worker-1:41 (w1) runs step 0 ('charge') since 2026-03-01 09:29:55Z (5 s ago); it was heard of at " +
        '2026-03-01 09:29:57Z (3 s ago). It renews its lease, which would end at 2026-03-01 09:30:20Z (in 20 s), for as ' +
        'long as it lives.',
    );
  });

  it('HELD_BY: a process that is silent, or unknown', () => {
    const silent = explained(held, { processes: [worker({ state: 'gone', seenAt: at(-40) })] });
    expect(silent.reasons[0]!.process).toEqual({ id: 'w1', name: 'worker-1:41', alive: false });
    expect(text(silent)).toContain('has told nothing since 2026-03-01 09:29:20Z (40 s ago)');
    expect(text(silent)).toContain('then another process takes the job over');
    expect(explained(held, { processes: [worker({ id: 'w2' })] }).reasons[0]!.process).toEqual({
      id: 'w1',
      name: null,
      alive: false,
    });
    expect(explained(held, { processes: null }).reasons[0]!.process).toEqual({
      id: 'w1',
      name: null,
      alive: null,
    });
  });

  it('HELD_BY: this very process, which needs nobody to tell', () => {
    const own = { id: 'w1', name: 'here:1', runsSteps: true, steps: ['charge'] };
    expect(explained(held, { own, processes: null }).reasons[0]!.process).toEqual({
      id: 'w1',
      name: 'here:1',
      alive: true,
    });
  });

  it('tells why nobody has taken it over when its lease has ended', () => {
    const over = { ...held, dueAt: at(-5) };
    expect(codes(explained(over))).toEqual(['DUE', 'HELD_BY']);
    expect(codes(explained(over, { processes: [] }))).toEqual(['NO_WORKERS', 'HELD_BY']);
  });
});

describe('a job that is due', () => {
  it('DUE: a process takes it next', () => {
    expect(codes(explained())).toEqual(['DUE']);
  });

  it('DUE: what this process knows where no others are known', () => {
    const own = { id: 'x', name: 'here:1', runsSteps: true, steps: ['ship'] };
    for (const unknown of [{}, { own }])
      expect(text(explained({}, { ...unknown, processes: null }))).toContain('is not known here');
    expect(text(explained({}, { own: { ...own, steps: ['charge'] }, processes: null }))).toContain(
      'This process provides its step',
    );
  });

  it.each([
    ['none at all', []],
    ['one that only starts jobs', [worker({ runsSteps: false })]],
    ['one that is gone', [worker({ state: 'gone' })]],
    ['one that stops', [worker({ state: 'stopping' })]],
  ] as const)('NO_WORKERS: %s', (_, processes) => {
    expect(codes(explained({}, { processes }))).toEqual(['NO_WORKERS']);
  });

  it('NO_PROCESS_PROVIDES_STEP: the workers run others', () => {
    const explanation = explained({}, { processes: [worker({ steps: ['ship'] })] });
    expect(codes(explanation)).toEqual(['NO_PROCESS_PROVIDES_STEP']);
    expect(text(explanation)).toContain(
      "No live process provides the step 'charge'; worker-1:41 runs others.",
    );
  });

  it('DUE: this process provides its step, though the table of processes does not know it', () => {
    const own = { id: 'x', name: 'here:1', runsSteps: true, steps: ['charge'] };
    for (const processes of [[], [worker({ steps: ['ship'] })]])
      expect(codes(explained({}, { own, processes }))).toContain('DUE');
  });

  it('RECOVERY_STOPPED: nobody has looked for a minute', () => {
    const explanation = explained({}, { processes: [worker({ recoveredAt: at(-61) })] });
    expect(codes(explanation)).toEqual(['RECOVERY_STOPPED', 'DUE']);
    expect(text(explanation)).toContain('2026-03-01 09:28:59Z (1 min 1 s ago)');
    expect(codes(explained({}, { processes: [worker({ recoveredAt: at(-61) }), worker()] }))).toEqual([
      'DUE',
    ]);
    // Whoever looks every ten seconds has more time, as health() gives it.
    const patience = recoveryPatience(10_000);
    expect(codes(explained({}, { processes: [worker({ recoveredAt: at(-61) })], patience }))).toEqual([
      'DUE',
    ]);
    expect(codes(explained({}, { processes: [worker({ recoveredAt: at(-201) })], patience }))).toContain(
      'RECOVERY_STOPPED',
    );
    const young = worker({ recoveredAt: null, startedAt: at(-2) });
    expect(codes(explained({}, { processes: [young] }))).toEqual(['DUE']);
  });

  it('ALL_PROCESSES_FULL: no slot is free where its step is provided', () => {
    const full = worker({ running: 4, waiting: 9 });
    const explanation = explained({}, { processes: [full, worker({ steps: ['ship'] })] });
    expect(codes(explanation)).toEqual(['ALL_PROCESSES_FULL', 'DUE']);
    expect(text(explanation)).toContain('The 4 slots of the processes');
    expect(codes(explained({}, { processes: [full, worker()] }))).toEqual(['DUE']);
  });
});

describe('a job that has no step to run', () => {
  it('PREPARED_UNRESOLVED: its transaction has not ended', () => {
    const lookup = JSON.stringify({ database: { dataSource: 'orders', tenant: 'acme' }, delay: 0 });
    const explanation = explained({ status: 'prepared', owner: 'w1.1', dueAt: at(7), lookup });
    expect(codes(explanation)).toEqual(['PREPARED_UNRESOLVED']);
    expect(text(explanation)).toContain("in the DataSource 'orders', tenant 'acme', ended");
    expect(explanation.reasons[0]!.until).toEqual(at(7));
    const alone = explained({ status: 'prepared', lookup: 'damaged' }, { processes: [] });
    expect(codes(alone)).toEqual(['PREPARED_UNRESOLVED', 'NO_WORKERS']);
  });

  it.each(['succeeded', 'canceled', 'rolledBack', 'failed'] as const)('ENDED: %s', (status) => {
    const explanation = explained(
      { status, dueAt: null, endedAt: at(-2), attempts: 1 },
      { error: 'Error: no' },
    );
    expect(codes(explanation)).toEqual(['ENDED']);
    expect(explanation.step).toBe(status === 'succeeded' ? null : 'charge');
    expect(text(explanation)).toContain('2026-03-01 09:29:58Z (2 s ago)');
    expect(text(explanation).includes('after 1 attempt: Error: no.')).toBe(status === 'failed');
  });
});

it('quotes one bounded line of an error, with nothing in it that moves a cursor', () => {
  const error = `Error: \u001b[2J${'x'.repeat(5000)}\nsecret`;
  const sentence = text(explained({ dueAt: at(1), attempts: 1 }, { error }));
  expect(sentence).not.toContain('\u001b');
  expect(sentence).not.toContain('secret');
  expect(sentence.length).toBeLessThan(600);
});
