import type { INestApplication, ModuleMetadata, Provider, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DistributedJobs, SteppingModule, type JobInfo, type SteppingModuleOptions } from 'nestjs-stepping';
import { SteppingTesting } from 'nestjs-stepping/testing';
import type { EntitySchema } from 'typeorm';
import { createDatabase, type Backend, type TestDatabase } from '../../support/database.js';

export interface RecipeParts {
  readonly entities?: readonly (Type | EntitySchema)[];
  readonly imports?: ModuleMetadata['imports'];
  readonly providers?: readonly Provider[];
  readonly controllers?: readonly Type[];
  readonly stepping?: SteppingModuleOptions;
  /** Default: SQLite. */
  readonly backend?: Backend;
  /** Jobs run by themselves, as in production, and not by `stepping.drain()`. */
  readonly live?: boolean;
  /** Default: any that is free. */
  readonly port?: number;
}

/** The application around a recipe: what every reader has already. It listens on a port of this machine. */
export class RecipeApplication {
  private constructor(
    readonly app: INestApplication,
    readonly stepping: SteppingTesting,
    readonly url: string,
    private readonly database: TestDatabase,
  ) {}

  static async start(parts: RecipeParts): Promise<RecipeApplication> {
    const { entities = [], imports = [], providers = [], controllers = [], backend = 'sqlite' } = parts;
    const database = await createDatabase(backend);
    const builder = Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(database.dataSourceOptions({ entities: [...entities], synchronize: true })),
        SteppingModule.forRoot(parts.stepping),
        ...imports,
      ],
      providers: [...providers],
      controllers: [...controllers],
    });
    const stepping = new SteppingTesting({ store: 'typeorm' });
    const compiled = await (parts.live ? builder : stepping.override(builder)).compile();
    const app = compiled.createNestApplication();
    await app.listen(parts.port ?? 0, '127.0.0.1');
    return new RecipeApplication(app, stepping, await app.getUrl(), database);
  }

  get jobs(): DistributedJobs {
    return this.app.get(DistributedJobs);
  }

  get(token: unknown): any {
    return this.app.get(token as Type);
  }

  async find(gid: string): Promise<JobInfo> {
    const job = await this.jobs.find(gid);
    if (!job) throw new Error(`there is no job ${gid}`);
    return job;
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.database.drop();
  }
}
