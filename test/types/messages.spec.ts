import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'messages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A wrong call, and what the compiler has to say of it. */
const CALLS: readonly [call: string, message: RegExp][] = [
  ['job.addStep(Req)', /^Expected 2-3 arguments, but got 1\.$/],
  ['job.addStep(Req, args, {}, {})', /^Expected 2-3 arguments, but got 4\.$/],
  ['job.addStep(None, args)', /not assignable to parameter of type 'undefined'/],
  ['job.addStep(Req, { id: 1 })', /^Type 'number' is not assignable to type 'string'\.$/],
  ['job.addStep(Req, args, { timeOut: 1 })', /'timeOut' does not exist in type 'StepOverrides'/],
];

let messages: string[][];
beforeAll(() => {
  const lines = [
    "import type { DistributedJob, StepHandler } from 'nestjs-stepping';",
    'declare const job: DistributedJob;',
    "const args = { id: '1' };",
    'class Req implements StepHandler<{ id: string }> { execute(_: { id: string }): void {} }',
    'class None implements StepHandler { execute(): void {} }',
    ...CALLS.map(([call]) => `${call};`),
  ];
  const file = join(folder, 'calls.ts');
  writeFileSync(file, lines.join('\n'));
  const { config } = ts.readConfigFile(join(root, 'tsconfig.check.json'), ts.sys.readFile) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [file] }, ts.sys, root);
  const program = ts.createProgram([file], { ...options, noUnusedLocals: false });
  messages = lines.map(() => []);
  const source = program.getSourceFile(file)!;
  for (const { start, messageText } of program.getSemanticDiagnostics(source)) {
    const { line } = source.getLineAndCharacterOfPosition(start!);
    messages[line]!.push(ts.flattenDiagnosticMessageText(messageText, '\n'));
  }
}, 120_000);

it.each(CALLS.map(([call, message], index) => ({ call, message, index })))(
  'the compiler says what is wrong with $call',
  ({ message, index }) => {
    const said = messages.slice(-CALLS.length)[index]!;
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(message);
  },
);
