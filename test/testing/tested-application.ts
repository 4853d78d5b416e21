import type { Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { SteppingTesting, type SteppingTestingOptions } from 'nestjs-stepping/testing';
import { DataSource } from 'typeorm';
import { DistributedJobFactory, DistributedJobs, SteppingModule } from '../../lib/index.js';
import type { SteppingModuleOptions } from '../../lib/index.js';
import { connect } from '../support/application.js';
import { Recording } from '../support/recording.js';
import { stepClasses } from '../support/steps.js';
import { createDatabase, type Backend, type TestDatabase } from '../support/database.js';

export interface TestedApplicationOptions extends SteppingTestingOptions {
  /** The application's database; without one it has none. */
  readonly backend?: Backend;
  readonly module?: SteppingModuleOptions;
  readonly providers?: Provider[];
}

/** An application as a user tests it: with `SteppingTesting` laid over its module. */
export class TestedApplication {
  private constructor(
    readonly stepping: SteppingTesting,
    readonly module: TestingModule,
    readonly recording: Recording,
    private readonly source: DataSource | undefined,
    private readonly database: TestDatabase | undefined,
  ) {}

  static async start(options: TestedApplicationOptions = {}): Promise<TestedApplication> {
    const { backend, module = {}, providers = [], ...testing } = options;
    const database = backend && (await createDatabase(backend));
    const source = database && (await connect(database));
    const recording = new Recording();
    const stepping = new SteppingTesting(testing);
    const builder = stepping.override(
      Test.createTestingModule({
        imports: [SteppingModule.forRoot({ requireTransaction: false, ...module })],
        providers: [
          ...(source ? [{ provide: DataSource, useValue: source }] : []),
          { provide: Recording, useValue: recording },
          ...stepClasses,
          ...providers,
        ],
      }),
    );
    const compiled = await builder.setLogger(false as never).compile();
    await compiled.init();
    return new TestedApplication(stepping, compiled, recording, source, database);
  }

  get dataSource(): DataSource {
    return this.source!;
  }

  get jobs(): DistributedJobFactory {
    return this.module.get(DistributedJobFactory);
  }

  get admin(): DistributedJobs {
    return this.module.get(DistributedJobs);
  }

  async close(): Promise<void> {
    await this.module.close();
    await this.source?.destroy();
    await this.database?.drop();
  }
}
