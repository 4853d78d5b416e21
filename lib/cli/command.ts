import type { ActionNote } from '../core/operations/action-note.js';
import type { Operator } from './operator.js';
import type { Terminal } from './terminal.js';

/** An option, as `parseArgs()` of Node reads it and as the help tells it. */
export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What it takes, such as `<duration>`. */
  readonly value?: string;
  readonly help: string;
}

export type CommandOptions = Readonly<Record<string, CommandOption>>;

/** What was given on the command line. */
export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** What a command works with. */
export interface CommandContext {
  readonly values: Values;
  readonly positionals: readonly string[];
  readonly operator: Operator;
  readonly terminal: Terminal;
  /** Who does it, and why, for the audit. */
  readonly note: ActionNote;
}

/** What a command answers: for a person, and for a program. */
export interface Answer {
  /** 0 when it is done, 1 when the answer is no. */
  readonly code: 0 | 1;
  readonly lines: readonly string[];
  readonly json: unknown;
}

/** One command of the program. */
export interface Command {
  readonly name: string;
  /** What follows the name, such as `<gid>`. */
  readonly takes?: string;
  /** How many words follow the name, at least and at most. Default: none. */
  readonly words?: readonly [least: number, most: number];
  /** In the list of commands. */
  readonly summary: string;
  /** In its own help. */
  readonly description?: string;
  readonly options?: CommandOptions;
  /** Whether it changes something, and so takes `--by`, `--reason` and `--yes`. */
  readonly changes?: boolean;
  run(context: CommandContext): Promise<Answer>;
}
