import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { withoutData } from '../../../lib/errors/data-in-errors.js';
import { StatementTimeoutError, TransactionConflictError } from '../../../lib/errors/index.js';

const SECRET = 'hunter2';
const STEPS = `[{"step":"pay","args":{"key":"${SECRET}"}}]`;
/** An error as it is stored. */
const LINES = `Error: the key is "${SECRET}"\n    at pay`;
/** JSON of a text with a quote and a line in it. */
const QUOTED = JSON.stringify({ key: `a "${SECRET}"\nand more` });

/** What the drivers and TypeORM throw. */
const driver = {
  pg: () =>
    Object.assign(new Error('new row violates check constraint "c"'), {
      name: 'error',
      severity: 'ERROR',
      code: '23514',
      detail: `Failing row contains (${STEPS}).`,
      where: `unnamed portal parameter $4 = '${STEPS}'`,
      hint: SECRET,
      internalQuery: `SELECT '${SECRET}'`,
      table: 'stepping_jobs',
      constraint: 'c',
    }),
  mysql2: () =>
    Object.assign(new Error('CONSTRAINT `c` failed'), {
      code: 'ER_CONSTRAINT_FAILED',
      errno: 4025,
      sqlState: '23000',
      sql: `INSERT INTO stepping_jobs VALUES ('${STEPS}')`,
      sqlMessage: `row: ${SECRET}`,
    }),
};

function queryFailed(driverError: Error): Error {
  return Object.assign(new Error(driverError.message), driverError, {
    name: 'QueryFailedError',
    query: 'INSERT INTO stepping_jobs VALUES ($1)',
    parameters: [STEPS],
    driverError,
  });
}

describe('an error without data', () => {
  it.each([
    ['of pg', driver.pg()],
    ['of mysql2', driver.mysql2()],
    ['of TypeORM on pg', queryFailed(driver.pg())],
    ['of TypeORM on mysql2', queryFailed(driver.mysql2())],
    ['that has one as its cause', new Error('it failed', { cause: queryFailed(driver.pg()) })],
    ['that holds several', new AggregateError([driver.pg(), queryFailed(driver.mysql2())])],
    ['whose message repeats a parameter', new Error(`refused: ${STEPS}`)],
    ['whose message repeats it as a row', new Error(`refused: ("${STEPS.replaceAll('"', '""')}")`)],
    ['whose message repeats one with quotes', new Error(`refused: ${QUOTED}`)],
    [
      'whose message repeats one with quotes as a row',
      new Error(`refused: ("${QUOTED.replaceAll('\\', '\\\\').replaceAll('"', '""')}")`),
    ],
    [
      'whose message repeats one with quotes in an array',
      new Error(`refused: {"${QUOTED.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"}`),
    ],
    ['whose message repeats lines as JSON', new Error(`refused: ${JSON.stringify([LINES])}`)],
  ])('%s', (_, error) => {
    expect(withoutData(error, ['gid-1', STEPS, QUOTED, LINES])).toBe(error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
    expect(String(error)).toMatch(/c"|`c`|it failed|AggregateError|refused: /);
  });

  it('says what it was', () => {
    expect(withoutData(queryFailed(driver.pg()))).toMatchObject({
      code: '23514',
      table: 'stepping_jobs',
      constraint: 'c',
      driverError: { code: '23514' },
    });
    expect(withoutData(driver.mysql2())).toMatchObject({ errno: 4025, sqlState: '23000' });
    expect(withoutData(new Error("Duplicate entry 'gid-1'"), ['gid-1']).message).toBe(
      "Duplicate entry 'gid-1'",
    );
  });

  it('is what it was, if it is of the library or of the application', () => {
    const forbidden = Object.assign(new Error('no'), { status: 403, response: { message: 'no' } });
    expect(withoutData(forbidden)).toMatchObject({ status: 403, response: { message: 'no' } });
    expect(withoutData(new StatementTimeoutError(500)).timeout).toBe(500);
    const conflict = new TransactionConflictError('g', { cause: driver.pg() });
    expect(withoutData(conflict)).toMatchObject({ gid: 'g', cause: { code: '23514' } });
    expect(inspect(conflict, { depth: 10 })).not.toContain(SECRET);
  });

  it('is taken from the errors of a list that throws, too', () => {
    const hidden = driver.pg();
    const list: Error[] = [new Error('first'), hidden];
    Object.defineProperty(list, 0, {
      get: () => {
        throw new Error('a trap');
      },
    });
    list.flat = list.slice = () => [];
    const error = Object.assign(new AggregateError([]), { errors: list });
    expect(withoutData(error)).toBe(error);
    expect(inspect(hidden, { depth: 10 })).not.toContain(SECRET);
  });

  it.each([[undefined], [null], ['text'], [{ query: SECRET }], [Object.freeze(new Error(STEPS))]])(
    'may be anything: %s',
    (thrown) => expect(withoutData(thrown, [STEPS])).toBe(thrown),
  );
});
