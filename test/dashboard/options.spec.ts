import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { InvalidOptionError, ModuleImportedTwiceError } from 'nestjs-stepping';
import {
  SteppingDashboardModule,
  type DashboardOptions,
  type DashboardSettings,
} from 'nestjs-stepping/dashboard';
import { expect, it } from 'vitest';
import { startDashboard } from './support.js';

it.each([
  ['acess', { acess: 'read' }],
  ['access', { access: true }],
  ['access', { access: { actions: ['retry'] } }],
  ['basicAuth', { basicAuth: 'ops:p' }],
  ['basicAuth.password', { basicAuth: { user: 'ops' } }],
  ['basicAuth.user', { basicAuth: { user: 'o:ps', password: 'p' } }],
  ['basicAuth.password', { basicAuth: { user: 'ops', password: '' } }],
  ['actor', { actor: 'ada' }],
  ['showArguments', { showArguments: true }],
  ['mask', { mask: ['secret'] }],
  ['origins', { origins: ['ops.example.com'] }],
  ['origins', { origins: ['https://ops.example.com/path'] }],
  ['origins', { origins: ['null'] }],
  ['allowedHosts', { allowedHosts: [] }],
  ['allowedHosts', { allowedHosts: ['https://ops.example.com'] }],
  ['allowedHosts', { allowedHosts: ['*.example.com'] }],
  ['loginUrl', { loginUrl: 'login' }],
  ['loginUrl', { loginUrl: '//evil.example' }],
  ['loginUrl', { loginUrl: 'javascript:alert(1)' }],
  ['loginUrl', { loginUrl: '/login\r\nset-cookie: a=b' }],
  ['refresh', { refresh: '100ms' }],
  ['title', { title: '' }],
  ['environment.label', { environment: {} }],
  ['environment.color', { environment: { label: 'test', color: 'url(x)' } }],
  ['path', { path: '' }],
  ['path', { path: 'a/:id' }],
  ['path', { path: '../stepping' }],
  ['path', { path: 'a//b' }],
  ['guards', { guards: [class {}] }],
  ['decorators', { decorators: ['public'] }],
  ['imports', { imports: [undefined] }],
])('%s cannot be like this: %o', (option, options) => {
  const failure = errorOf(() => SteppingDashboardModule.forRoot(options as DashboardOptions));
  expect(failure).toBeInstanceOf(InvalidOptionError);
  expect((failure as InvalidOptionError).option).toBe(`SteppingDashboardModule.${option}`);
});

it('an error shows nothing of a password', () => {
  const basicAuth = { user: 'o:ps', password: 'hunter2' };
  expect(String(errorOf(() => SteppingDashboardModule.forRoot({ basicAuth })))).not.toContain('hunter2');
});

it.each([
  [{ user: 'ops', password: undefined }, 'got undefined.'],
  [{ user: undefined, password: 'hunter2' }, 'got undefined.'],
  [{ user: 'ops', password: 12_345 }, 'got a value that is not shown.'],
  [{ user: 'o:ps', password: 'hunter2' }, 'got a value that is not shown.'],
  ['ops:hunter2', 'got a value that is not shown.'],
])('an error tells what is missing from what is not shown: %o', (basicAuth, end) => {
  const failure = errorOf(() => SteppingDashboardModule.forRoot({ basicAuth } as DashboardOptions)) as Error;
  expect(failure.message.endsWith(end), failure.message).toBe(true);
});

it('a factory is needed, and what it makes is checked at the start', async () => {
  const without = errorOf(() => SteppingDashboardModule.forRootAsync({} as { useFactory: () => object }));
  expect(without).toBeInstanceOf(InvalidOptionError);
  const useFactory = () => ({ acess: 'read' }) as DashboardSettings;
  const dashboard = [SteppingDashboardModule.forRootAsync({ useFactory })];
  await expect(startDashboard('express', { dashboard })).rejects.toThrow(
    "Unknown option 'SteppingDashboardModule.acess'",
  );
});

it('an application has one dashboard', async () => {
  const dashboard = [SteppingDashboardModule.forRoot(), SteppingDashboardModule.forRoot({ path: 'other' })];
  const starting = startDashboard('express', { dashboard });
  await expect(starting).rejects.toThrow(ModuleImportedTwiceError);
  await expect(starting).rejects.toThrow('SteppingDashboardModule is imported more than once');
});

it('a dashboard without the library is an error that says what to import', async () => {
  @Module({ imports: [SteppingDashboardModule.forRoot()] })
  class Application {}
  const app = await NestFactory.create(Application, new ExpressAdapter(), {
    logger: false,
    abortOnError: false,
  });
  await expect(app.init()).rejects.toThrow('import SteppingModule.forRoot()');
});

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
