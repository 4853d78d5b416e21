/** What a reader of the README copies out of it. */
export class ReadmeBlocks {
  constructor(private readonly text: string) {}

  /** The commands of the section "Five minutes" that make the application, for this NestJS. */
  commands(nest: number): string[] {
    const commands: string[] = [];
    let meant = true;
    for (const line of this.blocks('Five minutes', 'sh')[0]!.split('\n')) {
      const comment = /#\s*(.*)$/.exec(line)?.[1];
      const command = line.replace(/#.*$/, '').trim();
      // A comment on a line of its own is about the lines below it.
      if (comment !== undefined && command === '') meant = isFor(comment, nest);
      if (command && meant) commands.push(command);
    }
    return commands;
  }

  /** The commands of that section that try it out, block by block. */
  get trials(): string[][] {
    return this.blocks('Five minutes', 'sh').slice(1).map(linesOf);
  }

  /** The files of the application, by their paths: each block begins with its own. */
  get application(): Map<string, string> {
    return new Map(this.blocks('Five minutes', 'ts').map((code) => [pathOf(code), code]));
  }

  /** What is said to be called in `src/main.ts`. */
  get callInMain(): string {
    return this.saying(/In `src\/main\.ts`, call `([^`]+)` before `app\.listen\(\)`/)[0]!;
  }

  /** The command that installs the driver of PostgreSQL, and the options in place of SQLite's. */
  get postgres(): { readonly command: string; readonly options: string } {
    const [command, options] = this.saying(
      /On PostgreSQL, run `([^`]+)`, and use `([^`]+)` in place of `type` and `database`/,
    );
    return { command: command!, options: options! };
  }

  /** `src/orders.spec.ts` */
  get spec(): string {
    return this.blocks('Testing it', 'ts')[0]!;
  }

  /** Every line of every shell block, without comments. */
  get shellLines(): string[] {
    return [...this.text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => linesOf(block!));
  }

  /** The commands of its tables. */
  get tableCommands(): string[] {
    return [...this.text.matchAll(/^\| `([^`]+)` /gm)].map(([, command]) => command!);
  }

  private saying(pattern: RegExp): string[] {
    const found = pattern.exec(this.text.replace(/\n/g, ' '));
    if (!found) throw new Error(`README.md does not say ${pattern.source}`);
    return found.slice(1);
  }

  /** At least one. */
  private blocks(heading: string, language: string): string[] {
    const [, section] =
      new RegExp(`^#{2,3} ${heading}$(.*?)(?=^#{1,3} |(?![^]))`, 'ms').exec(this.prose) ?? [];
    if (section === undefined) throw new Error(`README.md has no heading "${heading}"`);
    const start = this.prose.indexOf(section);
    const original = this.text.slice(start, start + section.length);
    const found = [...original.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))];
    if (found.length === 0) throw new Error(`README.md has no \`\`\`${language} block under "${heading}"`);
    return found.map(([, code]) => code!);
  }

  /** The text with code blanked out, so that a comment of a shell is not taken for a heading. */
  private get prose(): string {
    return this.text.replace(/^```.*?^```/gms, (code) => code.replace(/[^\n]/g, ' '));
  }
}

/** A comment that names versions of NestJS is about these only. */
function isFor(comment: string, nest: number): boolean {
  if (!comment.includes('NestJS')) return true;
  const versions: readonly string[] = comment.match(/\b\d+\b/g) ?? [];
  return versions.length === 0 || versions.includes(String(nest));
}

/** The lines of a shell block, without comments. */
function linesOf(block: string): string[] {
  return block
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}

function pathOf(code: string): string {
  const path = /^\/\/ (src\/\S+)\n/.exec(code)?.[1];
  if (path === undefined) throw new Error(`README.md does not say which file this is:\n${code}`);
  return path;
}
