import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { moduleKinds, type ModuleKind, type Versions } from './cells.js';
import { npm, run } from './command.js';

/** Scripts of npm run in the root of the repository. */
export const repository = process.cwd();

/** Packs the library as it would be published; returns the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: repository });
  const manifest = await readManifest(repository);
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
}

export async function readManifest(folder: string): Promise<{ name: string; version: string }> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
}

/** The ranges that belong to a NestJS and a TypeORM; npm takes the newest of each, and refuses what does not fit. */
export function dependenciesOf({ nest, typeorm }: Versions): Record<string, string> {
  return {
    '@nestjs/common': `^${nest}.0.0`,
    '@nestjs/core': `^${nest}.0.0`,
    '@nestjs/platform-express': `^${nest}.0.0`,
    '@nestjs/platform-fastify': `^${nest}.0.0`,
    '@nestjs/schedule': nest === 12 ? '^12.0.0' : '^6.0.0',
    // Version 10 refuses TypeORM 1; version 11 takes it, and NestJS 10 as well.
    '@nestjs/typeorm': nest === 10 && typeorm === '1' ? '^11.0.0' : `^${nest}.0.0`,
    'class-transformer': '^0.5.1',
    pg: '^8.0.0',
    'reflect-metadata': '^0.2.0',
    rxjs: '^7.2.0',
    typeorm: typeorm === '1' ? '^1.0.0' : '^0.3.0',
  };
}

/** What is told of an installation in the table. */
export const toldPackages = ['@nestjs/core', '@nestjs/typeorm', '@nestjs/schedule', 'typeorm'] as const;

/** A folder with one set of versions, and the application compiled against them as ES module and as CommonJS. */
export class Installation {
  private constructor(
    readonly folder: string,
    readonly versions: Readonly<Record<(typeof toldPackages)[number], string>>,
  ) {}

  static async make(root: string, wanted: Versions, tarball: string): Promise<Installation> {
    const folder = join(root, `nest-${wanted.nest}-typeorm-${wanted.typeorm}`);
    await mkdir(folder);
    const dependencies = { ...dependenciesOf(wanted), 'nestjs-stepping': `file:${tarball}` };
    await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
    await npm(folder, ['install', '--ignore-scripts']);
    await compile(folder);

    const versions = await Promise.all(
      toldPackages.map(
        async (name) => [name, (await readManifest(join(folder, 'node_modules', name))).version] as const,
      ),
    );
    return new Installation(folder, Object.fromEntries(versions) as Installation['versions']);
  }

  /** The compiled application. */
  program(kind: ModuleKind): string {
    return join(this.folder, kind, 'main.js');
  }
}

/** With the compiler of this repository, and types included: they must fit every version as well. */
async function compile(folder: string): Promise<void> {
  for (const kind of moduleKinds) {
    await mkdir(join(folder, kind));
    const type = kind === 'ES module' ? 'module' : 'commonjs';
    await writeFile(join(folder, kind, 'package.json'), JSON.stringify({ type }));
    await cp(join(repository, 'test/matrix/application/main.ts'), join(folder, kind, 'main.ts'));
  }
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    rootDir: '.',
    strict: true,
    skipLibCheck: true,
    isolatedModules: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    typeRoots: [join(repository, 'node_modules/@types')],
  };
  const files = moduleKinds.map((kind) => `${kind}/main.ts`);
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [compiler, '-p', 'tsconfig.json'], { cwd: folder });
}
