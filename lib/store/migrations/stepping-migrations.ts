import { runOn, type Queryable } from '../connections/internal.connection.js';
import { dialectFor } from '../databases.js';
import type { Dialect } from '../dialect.js';
import { resolveTableNames, type TableOptions } from '../table-names.js';
import { dataSourceOf, type QueryRunnerLike } from '../../core/transactions/typeorm.types.js';
import type { Migration } from './migration.js';
import { MIGRATIONS } from './migrations.js';

/**
 * A migration in the shape that TypeORM expects.
 *
 * @publicApi
 */
export interface SteppingMigration {
  /** Ends in the time by which TypeORM orders migrations. */
  readonly name: string;
  /** Creates or changes the tables; leaves alone what is there already. */
  up(queryRunner: QueryRunnerLike): Promise<void>;
  /** Takes it back, with the jobs in the tables. */
  down(queryRunner: QueryRunnerLike): Promise<void>;
}

/**
 * The library's tables as TypeORM migrations, for applications that run with `autoMigrate: false`:
 *
 * ```ts
 * new DataSource({ ..., migrations: [...steppingMigrations(), CreateOrders1700000000000] })
 * ```
 *
 * They fit the database that they run on, and record the same as `autoMigrate`: an application can switch in either
 * direction. Takes the same `schema` and `prefix` as the module's option `tables`; throws `InvalidOptionError` when they
 * are no identifiers. The schema itself must exist.
 *
 * @publicApi
 */
export function steppingMigrations(tables: TableOptions = {}): (new () => SteppingMigration)[] {
  resolveTableNames(tables);
  return MIGRATIONS.map(
    (migration) =>
      class implements SteppingMigration {
        readonly name = migration.name;

        async up(queryRunner: QueryRunnerLike): Promise<void> {
          const dialect = await dialectOn(queryRunner, tables);
          await dialect.refuseTakenNames(queryableOn(queryRunner));
          for (const sql of dialect.statementsOf(migration)) await queryRunner.query(sql);
        }

        async down(queryRunner: QueryRunnerLike): Promise<void> {
          const dialect = await dialectOn(queryRunner, tables);
          for (const sql of undoStatements(dialect, migration)) await queryRunner.query(sql);
        }
      },
  );
}

async function dialectOn(queryRunner: QueryRunnerLike, tables: TableOptions): Promise<Dialect> {
  const dialect = dialectFor(dataSourceOf(queryRunner), tables);
  await dialect.initialize(queryableOn(queryRunner));
  return dialect;
}

function queryableOn(queryRunner: QueryRunnerLike): Queryable {
  return { query: (sql, params) => runOn(queryRunner, sql, params) };
}

function undoStatements(dialect: Dialect, migration: Migration): string[] {
  const { tables, names } = dialect;
  return [
    ...migration.down({ ...tables, names }),
    migration === MIGRATIONS[0]
      ? `DROP TABLE ${tables.migrations}`
      : `DELETE FROM ${tables.migrations} WHERE id = ${migration.id}`,
  ];
}
