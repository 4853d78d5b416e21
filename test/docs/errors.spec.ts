import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as library from '../../lib/index.js';
import { entryFiles, root } from './entry-points.js';

/** A class of errors, as its constructor is not called: the code is read from its source. */
interface ErrorClass {
  readonly name: string;
  readonly code: string;
}

async function exportedErrors(): Promise<ErrorClass[]> {
  const entries = await Promise.all(entryFiles.map((file) => import(join(root, file)) as Promise<object>));
  const classes = new Set(entries.flatMap((entry) => Object.values(entry) as unknown[]).filter(isErrorClass));
  return [...classes].map((errorClass) => ({ name: errorClass.name, code: codeOf(errorClass) }));
}

function isErrorClass(value: unknown): value is { readonly name: string; readonly prototype: object } {
  return typeof value === 'function' && value.prototype instanceof library.SteppingError;
}

function codeOf(errorClass: { readonly name: string }): string {
  const source = Function.prototype.toString.call(errorClass);
  const [, name] = /super\(\s*['"](\w+)['"]/.exec(source) ?? [];
  if (name !== errorClass.name) throw new Error(`${errorClass.name} does not spell its name out`);
  const [, code] = /code: ['"](STEPPING_\w+)['"]/.exec(source) ?? [];
  class Sample extends library.SteppingError {
    constructor() {
      super(name!, '', code === undefined ? {} : { code });
    }
  }
  return new Sample().code;
}

/** The rows `class<br>code | when | what to do`. */
function listedErrors(text: string): ErrorClass[] {
  return [...text.matchAll(/^\| `(\w+)`<br>`(\w+)` *\| *(\S.*?) *\|/gm)].map(([, name, code]) => ({
    name: name!,
    code: code!,
  }));
}

const byName = (a: ErrorClass, b: ErrorClass): number => a.name.localeCompare(b.name);
const text = readFileSync(join(root, 'docs/errors.md'), 'utf8');

it('docs/errors.md lists every class of errors once, with its code, and no other', async () => {
  const exported = await exportedErrors();
  expect(exported.length).toBeGreaterThan(40);
  expect(listedErrors(text).sort(byName)).toEqual(exported.sort(byName));
});

it('every code that docs/errors.md mentions exists', async () => {
  const codes = new Set((await exportedErrors()).map(({ code }) => code));
  const mentioned = [...text.matchAll(/STEPPING_[A-Z_]+/g)].map(([code]) => code);
  expect(mentioned.filter((code) => !codes.has(code))).toEqual([]);
});

it('no two classes share a code', async () => {
  const codes = (await exportedErrors()).map(({ code }) => code);
  expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
});

it('the fields of the log line are those that the test of it holds', () => {
  const section = text.slice(text.indexOf('## The log line'));
  const listed = [...section.matchAll(/^\| `(\w+)` *\|/gm)].map(([, field]) => field!);
  const pinned = readFileSync(join(root, 'test/guarantees/steps/attempt-log.spec.ts'), 'utf8');
  expect(listed.length).toBeGreaterThan(5);
  expect(listed.filter((field) => !new RegExp(`\\b${field}:`).test(pinned))).toEqual([]);
});
