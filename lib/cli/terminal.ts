import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';

/** How long a question waits for its answer. */
const ANSWER_MS = 300_000;

/** What the program is run from. */
export interface Terminal {
  /** Writes a line of the answer. */
  out(line: string): void;
  /** Writes a line about the answer: a problem, or progress. */
  note(line: string): void;
  /** How many characters a line may have; `undefined` where nobody looks at it. */
  readonly width: number | undefined;
  /** Whether a person can be asked. */
  readonly interactive: boolean;
  /** Asks a person; false unless the answer is yes. */
  confirm(question: string): Promise<boolean>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The user of the operating system. */
  readonly user: string | undefined;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process;
  const interactive = stdin.isTTY && stderr.isTTY;
  return {
    out: (line) => void stdout.write(`${line}\n`),
    note: (line) => void stderr.write(`${line}\n`),
    width: stdout.isTTY ? stdout.columns : widthOf(env.COLUMNS),
    interactive,
    confirm: (question) => ask(`${question} [y/N] `),
    env,
    user: userName(),
  };
}

async function ask(question: string): Promise<boolean> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await reader.question(question, { signal: AbortSignal.timeout(ANSWER_MS) });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    reader.close();
  }
}

function widthOf(columns: string | undefined): number | undefined {
  const width = Number(columns);
  return Number.isInteger(width) && width > 0 ? width : undefined;
}

function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // The user of a container may have no name.
    return undefined;
  }
}
