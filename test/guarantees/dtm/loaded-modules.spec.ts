import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * The packages that a process has loaded after running a script. gRPC is CommonJS, so that it is in this cache
 * whatever has loaded it.
 */
async function packagesLoadedBy(script: string, type: 'module' | 'commonjs'): Promise<string[]> {
  const report = `
    const paths = Object.keys(require('node:module')._cache);
    const names = paths.map((path) => /.*[\\\\/]node_modules[\\\\/]((?:@[^\\\\/]+[\\\\/])?[^\\\\/]+)/.exec(path)?.[1]);
    process.stdout.write(JSON.stringify([...new Set(names)]));`;
  const source =
    type === 'commonjs'
      ? `${script}\n${report}`
      : `import { createRequire } from 'node:module';\nconst require = createRequire(process.cwd() + '/x.js');\n${script}\n${report}`;
  const args = [`--input-type=${type}`, '-e', source];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: repository });
  return JSON.parse(stdout) as string[];
}

const SERVERS = {
  http: `{ server: 'http://127.0.0.1:1', callback: 'http://127.0.0.1:2', serverTimeout: 200, allowUnsigned: true }`,
  grpc: `{ protocol: 'grpc', server: '127.0.0.1:1', callback: '127.0.0.1:2', listen: false, serverTimeout: 200, allowUnsigned: true }`,
};

/** An application on DTM that has started, and ended. */
function application(options: string): string {
  return `
    const { NestFactory } = await import('@nestjs/core');
    const { SteppingModule } = await import('nestjs-stepping');
    const { dtm } = await import('nestjs-stepping/dtm');
    class AppModule {}
    const module = { module: AppModule, imports: [SteppingModule.forRoot({ transactionManager: dtm(${options}) })] };
    const app = await NestFactory.create(module, { logger: false });
    await app.init();
    await app.close();`;
}

describe('gRPC', () => {
  it.for(['module', 'commonjs'] as const)('is not loaded by the entry points (%s)', async (type) => {
    const load =
      type === 'module'
        ? `await import('nestjs-stepping'); await import('nestjs-stepping/dtm');`
        : `require('nestjs-stepping'); require('nestjs-stepping/dtm');`;
    const loaded = await packagesLoadedBy(load, type);
    expect(loaded).toContain('reflect-metadata');
    expect(loaded).not.toContain('@grpc/grpc-js');
  });

  it.for(['module', 'commonjs'] as const)(
    'and OpenTelemetry are loaded by no entry point but its own (%s)',
    async (type) => {
      const call = type === 'module' ? 'await import' : 'require';
      const load = (...names: string[]) =>
        packagesLoadedBy(names.map((name) => `${call}('nestjs-stepping${name}');`).join(' '), type);
      expect(await load('', '/dtm', '/testing')).not.toContain('@opentelemetry/api');
      expect(await load('/opentelemetry')).toContain('@opentelemetry/api');
    },
  );

  it('is not loaded by an application that talks HTTP with DTM', async () => {
    const loaded = await packagesLoadedBy(application(SERVERS.http), 'module');
    expect(loaded).toContain('express');
    expect(loaded).not.toContain('@grpc/grpc-js');
  });

  it('is loaded by one that talks gRPC, which needs no HTTP callbacks', async () => {
    const loaded = await packagesLoadedBy(application(SERVERS.grpc), 'module');
    expect(loaded).toContain('@grpc/grpc-js');
  });
});
