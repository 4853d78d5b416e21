import { DataSource, type EntityManager } from 'typeorm';
import { Dispatch } from '../invoices/dispatch.entity.js';
import { Invoice } from '../invoices/invoice.entity.js';

export interface TenantDatabaseOptions {
  readonly file: string;
  /** Creates the file and its tables. Otherwise they must exist. */
  readonly create: boolean;
  /** Called with the driver's connection. */
  readonly prepareDatabase?: (database: unknown) => void;
}

/** The database of one tenant. */
export class TenantDatabase {
  private last: Promise<unknown> = Promise.resolve();

  private constructor(readonly dataSource: DataSource) {}

  static async open({ file, create, prepareDatabase }: TenantDatabaseOptions): Promise<TenantDatabase> {
    const dataSource = new DataSource({
      type: 'better-sqlite3',
      database: file,
      fileMustExist: !create,
      enableWAL: true,
      timeout: 100,
      entities: [Invoice, Dispatch],
      synchronize: create,
      ...(prepareDatabase && { prepareDatabase }),
    });
    return new TenantDatabase(await dataSource.initialize());
  }

  /**
   * SQLite has one transaction per connection. Stepping does not serialize the transactions of a `DataSource` that is not a
   * provider of the application, so they run one after the other here.
   */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const result = this.last.then(() => this.dataSource.transaction(work));
    this.last = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    await this.last;
    await this.dataSource.destroy();
  }
}
