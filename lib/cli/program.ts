import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { silenceLogs } from '../core/line-logger.js';
import { errorText, propertyOf } from '../errors/error-text.js';
import { InvalidOptionError, JobNotFoundError, JobStateError, SteppingError } from '../errors/index.js';
import { printable, printableJson } from '../errors/printable.js';
import type { Answer, Command, Values } from './command.js';
import { ConnectionError, DeclinedError, UsageError } from './program.errors.js';
import { commands, groups } from './commands/index.js';
import { optionsOf } from './common-options.js';
import { dataSourceOf } from './data-source.js';
import { commandHelp, PROGRAM, programHelp } from './help.js';
import { openOperator } from './operator.js';
import { Secrets } from './secrets.js';
import type { Terminal } from './terminal.js';
import { withUncaught } from './uncaught.js';

/** Done. */
const DONE = 0;
/** The answer is no. */
const NO = 1;
/** The command cannot be understood, or the database not be used. */
const UNUSABLE = 2;

const MAX_MESSAGE = 2000;

/** Runs one command line, and returns the exit code. */
export async function runProgram(argv: readonly string[], given: Terminal): Promise<number> {
  silenceLogs();
  const secrets = new Secrets();
  const terminal = guarded(given, secrets);
  const asJson = argv.includes('--json');
  try {
    const answer = await withUncaught(() => answerTo(argv, terminal, secrets));
    if (asJson && answer.json !== undefined) given.out(jsonText(answer.json, secrets));
    else for (const line of answer.lines) terminal.out(line);
    return answer.code;
  } catch (error) {
    const { code, exit, message, hint } = problemOf(error, argv);
    const told = printable(secrets.hide(message), MAX_MESSAGE);
    if (asJson) terminal.note(JSON.stringify({ error: { code, message: told } }));
    else {
      terminal.note(`${PROGRAM}: ${told}`);
      if (hint !== undefined) terminal.note(hint);
    }
    return exit;
  }
}

/** Names, gids and texts may be anybody's, and a message may repeat where the database is. */
function guarded(terminal: Terminal, secrets: Secrets): Terminal {
  const shown = (line: string): string => printable(secrets.hide(line), Infinity);
  return {
    ...terminal,
    out: (line) => terminal.out(shown(line)),
    note: (line) => terminal.note(shown(line)),
    confirm: (question) => terminal.confirm(shown(question)),
  };
}

function jsonText(value: unknown, secrets: Secrets): string {
  return printableJson(secrets.hide(JSON.stringify(value, undefined, 2)));
}

async function answerTo(argv: readonly string[], terminal: Terminal, secrets: Secrets): Promise<Answer> {
  const [first, ...rest] = argv;
  const { width } = terminal;
  if (first === '--version') return textAnswer([version()]);
  if (first === undefined) throw new UsageError('Which command?');
  if (first === '--help' || first === '-h' || first === 'help') {
    const about = commands.get(rest[0] ?? '');
    return textAnswer(about ? commandHelp(about, width) : programHelp(groups, width));
  }
  const command = commands.get(first);
  if (!command)
    throw new UsageError(
      first.startsWith('-') ? `The command comes first, then ${first}.` : `There is no command '${first}'.`,
    );
  const { values, positionals } = read(command, rest);
  if (values['help'] === true) return textAnswer(commandHelp(command, width));
  return runCommand(command, values, positionals, terminal, secrets);
}

async function runCommand(
  command: Command,
  values: Values,
  positionals: readonly string[],
  terminal: Terminal,
  secrets: Secrets,
): Promise<Answer> {
  const text = (name: string) => values[name] as string | undefined;
  const file = text('dataSource');
  const url = text('url') ?? (file === undefined ? terminal.env['STEPPING_URL'] || undefined : undefined);
  const tables = { ...named('schema', text('schema')), ...named('prefix', text('prefix')) };
  const operator = await openOperator(await dataSourceOf({ url, file }, secrets), tables);
  const note = { ...named('reason', text('reason')), ...named('by', text('by') ?? terminal.user) };
  try {
    return await command.run({ values, positionals, operator, terminal, note });
  } finally {
    await operator.close();
  }
}

function read(command: Command, args: string[]): { values: Values; positionals: string[] } {
  const options = Object.fromEntries(
    Object.entries(optionsOf(command)).map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short !== undefined && { short }) },
    ]),
  );
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ', 1)[0]!.replaceAll('\n', ' '), { cause: error });
  }
  const [least, most] = command.words ?? [0, 0];
  const { length } = parsed.positionals;
  if (parsed.values['help'] !== true && (length < least || length > most)) {
    const takes = command.takes ?? 'nothing';
    throw new UsageError(
      `${command.name} takes ${takes}, not ${length === 0 ? 'nothing' : parsed.positionals.join(' ')}.`,
    );
  }
  return parsed;
}

interface Problem {
  readonly code: string;
  readonly exit: number;
  readonly message: string;
  readonly hint?: string;
}

function problemOf(error: unknown, argv: readonly string[]): Problem {
  const own = propertyOf(error, 'code');
  const code = typeof own === 'string' ? own : 'UNEXPECTED';
  if (error instanceof UsageError) {
    const topic = commands.has(argv[0] ?? '') ? `${argv[0]} ` : '';
    return { code, exit: UNUSABLE, message: error.message, hint: `See ${PROGRAM} ${topic}--help` };
  }
  if (error instanceof ConnectionError) return { code, exit: UNUSABLE, message: error.message };
  if (error instanceof DeclinedError) return { code, exit: NO, message: error.message };
  const message = error instanceof SteppingError ? error.message : errorText(error);
  if (code === 'STEPPING_SCHEMA_OUTDATED')
    return {
      code,
      exit: UNUSABLE,
      message,
      hint: `Or run ${PROGRAM} migrate. --schema and --prefix say where the tables are.`,
    };
  if (error instanceof InvalidOptionError) return { code, exit: UNUSABLE, message };
  const isNo = error instanceof JobNotFoundError || error instanceof JobStateError;
  return { code, exit: isNo ? NO : UNUSABLE, message };
}

function textAnswer(lines: readonly string[]): Answer {
  return { code: DONE, lines, json: undefined };
}

function named<K extends string>(name: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]?: string });
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
