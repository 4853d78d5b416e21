import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProject, pack, repository, run, runScript } from './project.js';

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stepping-pack-'));
  tarball = await pack(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  let files: Map<string, string>;
  /** As npm counts them: a picture is no text. */
  let bytes = 0;

  beforeAll(async () => {
    await run('tar', ['-xzf', tarball], { cwd: folder });
    const root = join(folder, 'package');
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    files = new Map(
      await Promise.all(
        entries
          .filter((entry) => entry.isFile())
          .map(async (entry): Promise<[string, string]> => {
            const path = join(entry.parentPath, entry.name);
            const content = await readFile(path);
            bytes += content.length;
            return [path.slice(root.length + 1), content.toString()];
          }),
      ),
    );
  });

  it('holds the build, the manifest and the texts, and nothing else', () => {
    const outside = [...files.keys()].filter((path) => !path.startsWith('dist/'));
    expect(outside.toSorted()).toEqual(expect.arrayContaining(['LICENSE', 'llms.txt', 'package.json']));
    const texts =
      /^(LICENSE|package\.json|llms\.txt|.*\.md|docs\/pictures\/dashboard-overview-(dark|light)\.png)$/;
    expect(outside.filter((path) => !texts.test(path))).toEqual([]);
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/index.d.ts',
        'dist/cjs/index.js',
        'dist/cjs/index.d.ts',
        'dist/cjs/package.json',
        'dist/dashboard/index.js',
        'dist/dashboard/index.d.ts',
        'dist/cjs/dashboard/index.js',
        'dist/cjs/dashboard/index.d.ts',
        'dist/terminus/index.js',
        'dist/terminus/index.d.ts',
        'dist/cjs/terminus/index.js',
        'dist/cjs/terminus/index.d.ts',
        'dist/testing/index.js',
        'dist/testing/index.d.ts',
        'dist/cjs/testing/index.js',
        'dist/cjs/testing/index.d.ts',
        'dist/events/index.js',
        'dist/events/index.d.ts',
        'dist/cjs/events/index.js',
        'dist/cjs/events/index.d.ts',
        'dist/opentelemetry/index.js',
        'dist/opentelemetry/index.d.ts',
        'dist/cjs/opentelemetry/index.js',
        'dist/cjs/opentelemetry/index.d.ts',
        'dist/tm/dtm/index.js',
        'dist/tm/dtm/index.d.ts',
        'dist/cjs/tm/dtm/index.js',
        'dist/cjs/tm/dtm/index.d.ts',
        'dist/cli/main.js',
      ]),
    );
    // The page is text within a module: what it is made of is not shipped.
    expect([...files.keys()].filter((path) => /dashboard\/ui\/|\.(css|html|tsx)$/.test(path))).toEqual([]);
    // The program is started, never imported.
    expect([...files.keys()].filter((path) => path.startsWith('dist/cjs/cli/'))).toEqual([]);
    expect(files.get('dist/cli/main.js')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('carries what its README links to and shows', () => {
    const readme = files.get('README.md')!.replace(/^```.*?^```$/gms, '');
    const targets = [
      ...[...readme.matchAll(/\]\(([^)\s#]+)/g)].map(([, target]) => target!),
      ...[...readme.matchAll(/\b(?:src|srcset)="([^"]+)"/g)].map(([, target]) => target!),
    ].filter((target) => !/^[a-z]+:/.test(target));
    expect(targets.length).toBeGreaterThan(20);
    expect(targets.filter((target) => !files.has(target))).toEqual([]);
  });

  it('needs no other package, and is as large as the README says', async () => {
    const { dependencies } = JSON.parse(files.get('package.json')!) as { dependencies?: object };
    const readme = files.get('README.md')!.replaceAll('\n', ' ');
    expect(Object.keys(dependencies ?? {})).toEqual([]);
    expect(readme).toContain('The package has no dependencies of its own');

    const [, packed, unpacked] = /It is about (\S+) MB packed and (\S+) MB unpacked/.exec(readme) ?? [];
    const { size } = await stat(tarball);
    // The README rounds: each change of the code changes the size, and is none of the README.
    expect(Math.abs(size / 1e6 / Number(packed) - 1), `${size} bytes packed`).toBeLessThan(0.15);
    expect(Math.abs(bytes / 1e6 / Number(unpacked) - 1), `${bytes} bytes unpacked`).toBeLessThan(0.15);
  });

  it('imports nothing that a user may not have, neither in code nor in typings', () => {
    const always =
      /^(node:|@nestjs\/(common|core|schedule)$|class-transformer$|reflect-metadata$|rxjs(\/|$)|\.{1,2}\/)/;
    const imports = [...files]
      .filter(([path]) => /\.(js|d\.ts)$/.test(path))
      .flatMap(([path, text]) =>
        specifiers(text)
          .filter((specifier) => !always.test(specifier))
          .map((specifier) => `${path} imports ${specifier}`),
      );
    // Loaded when the first step with arguments is added, and only if it is installed; gRPC when it is chosen.
    const optional = (line: string): boolean =>
      line.endsWith('arguments-validator.js imports class-validator') ||
      /^dist\/(?:cjs\/)?opentelemetry\/[a-z.-]+ imports @opentelemetry\/api$/.test(line) ||
      // An entry point of its own.
      line.endsWith('terminus/health-result.js imports @nestjs/terminus') ||
      // Where there is no DataSource of the application to take.
      line === 'dist/cli/data-source.js imports typeorm' ||
      /tm\/dtm\/grpc-[a-z-]+(?:\.[a-z]+)?(?:\.d\.ts|\.js) imports @grpc\/grpc-js$/.test(line);
    expect(imports.filter((line) => !optional(line))).toEqual([]);
  });

  it.each(['dist', 'dist/cjs'])('loads the dashboard for nobody who does not import it (%s)', (half) => {
    for (const entry of [
      'index',
      'tm/dtm/index',
      'events/index',
      'opentelemetry/index',
      'terminus/index',
      'testing/index',
    ]) {
      expect([...reachable(`${half}/${entry}.js`)].filter((path) => path.includes('/dashboard/'))).toEqual(
        [],
      );
    }
    expect(reachable(`${half}/dashboard/index.js`)).toContain(`${half}/dashboard/page.generated.js`);
  });

  /** The files that a file imports, and those that they import, also by `import()`. */
  function reachable(path: string, seen = new Set<string>()): Set<string> {
    if (seen.has(path)) return seen;
    seen.add(path);
    for (const specifier of specifiers(files.get(path)!)) {
      if (specifier.startsWith('.')) reachable(join(path, '..', specifier), seen);
    }
    return seen;
  }

  it('has a CommonJS half without syntax of ES modules', () => {
    const offenders = [...files]
      .filter(([path]) => path.startsWith('dist/cjs/') && path.endsWith('.js'))
      .filter(([, text]) =>
        /import\.meta|^export |^import |(?<![.\w'"`*])import\(|^await /m.test(withoutComments(text)),
      )
      .map(([path]) => path);
    expect(offenders).toEqual([]);
  });

  it('passes publint', async () => {
    const { messages } = await publint({ pkgDir: join(folder, 'package'), pack: false, strict: true });
    const manifest = JSON.parse(files.get('package.json')!) as object;
    expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual([]);
  });

  it('passes attw: every resolver finds the typings that fit the code', async () => {
    const { stdout } = await run(
      'npx',
      ['--no-install', 'attw', tarball, '--format', 'table-flipped', '--no-color'],
      {
        cwd: repository,
      },
    );
    expect(stdout).toContain('No problems found');
  });
});

describe('with the required peers only', () => {
  let project: Awaited<ReturnType<typeof createProject>>;

  beforeAll(async () => {
    project = await createProject('minimal', tarball);
  });
  afterAll(() => project?.remove());

  it('finds none of the optional peers installed', async () => {
    const installed = await readdir(join(project.folder, 'node_modules'));
    expect(installed).toContain('nestjs-stepping');
    expect(installed).not.toContain('typeorm');
    expect(installed).not.toContain('class-validator');
    expect(installed).not.toContain('@grpc');
    expect(installed).not.toContain('@opentelemetry');
    expect(installed).not.toContain('preact');
  });

  it.each([
    ['an ES module', 'esm.mjs'],
    ['CommonJS', 'commonjs.cjs'],
    ['CommonJS in a loader that does not know "module-sync"', 'commonjs-half.cjs'],
  ])('runs a job on the memory store from %s', async (_, script) => {
    expect(await runScript(project.folder, script)).toEqual({ gid: 'string', greeted: 'Ada' });
  });

  it('installs the program, which starts, and says what it lacks', async () => {
    const program = join(project.folder, 'node_modules', '.bin', 'nestjs-stepping');
    const { stdout } = await run(program, ['--help'], { cwd: project.folder });
    expect(stdout).toContain('Usage: nestjs-stepping <command> [options]');
    await expect(run(program, ['list', '--url', 'x.db'], { cwd: project.folder })).rejects.toThrow(
      /ended with 2[^]*needs the package .typeorm.: npm install typeorm/,
    );
  });

  it.each(['dtm.mjs', 'dtm.cjs'])(
    'starts on DTM over HTTP, and says what gRPC lacks (%s)',
    async (script) => {
      expect(await runScript(project.folder, script)).toEqual({
        http: 'TransactionManagerUnavailableError',
        grpc: 'MissingPackageError',
        sameErrors: true,
      });
    },
  );

  it.each(['import-first.mjs', 'require-first.cjs'])('has one copy of its classes (%s)', async (script) => {
    expect(await runScript(project.folder, script)).toEqual({ same: true });
  });
});

/** The module specifiers of a compiled file, of `import()` and of types written as `import('x')` as well. The text 'from' is none. */
function specifiers(text: string): string[] {
  const pattern = /(?:(?<!['"])\bfrom\s*|\bimport\s*|\bimport\(\s*|\brequire\(\s*)(['"])([^'"\n]+)\1/g;
  return [...withoutComments(text).matchAll(pattern)].map((match) => match[2]!);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
