import type { Readiness } from '../core/jobs/readiness.js';
import { LineLogger } from '../core/line-logger.js';
import type { DataSourceLike } from '../core/transactions/typeorm.types.js';
import { errorText } from '../errors/error-text.js';
import { AmbiguousDataSourceError, InboxTransactionError } from '../errors/index.js';
import type { InboxStore } from '../store/inbox-store.js';
import { ambientFrame } from '../transactions/ambient-transaction.js';
import type { DataSourceRegistry } from '../transactions/data-source.registry.js';
import type { AmbientFrame } from '../transactions/surroundings.js';
import type { TypeOrmDatabases } from '../transactions/typeorm-databases.js';

/** The database of the inbox, and the transaction of it that the caller is in. */
export class InboxPlace {
  private readonly logger = new LineLogger('Inbox');
  private store: InboxStore | undefined;

  constructor(
    /** Of `SteppingModule`, which need not be global: found when it is first needed. */
    private readonly application: { readonly databases: TypeOrmDatabases; readonly readiness: Readiness },
    /** Undefined: the default one. */
    private readonly name: string | undefined,
    /** How long marks are kept, in milliseconds. */
    readonly retention: number,
  ) {}

  /** Once it was opened. */
  get opened(): InboxStore | undefined {
    return this.store;
  }

  /**
   * The transaction around the caller. To be asked in the tick of the call: a message may be handled before the application's hooks have
   * run, and the context is that of the caller.
   *
   * @throws InboxTransactionError for one that cannot be joined.
   */
  around(): AmbientFrame | undefined {
    this.application.readiness.discover();
    const frame = ambientFrame();
    if (frame === 'guarded') throw InboxTransactionError.begunByHand();
    if (frame?.ended) throw InboxTransactionError.ended();
    return frame;
  }

  /**
   * The marks, for a message that is received in this transaction.
   *
   * @throws DataSourceNotFoundError, AmbiguousDataSourceError, UnsupportedDatabaseError; SchemaOutdatedError when the table may not be
   * created; InboxTransactionError for the transaction of another `DataSource`; SteppingNotReadyError while the application is being made.
   */
  async open(frame: AmbientFrame | undefined): Promise<InboxStore> {
    const { readiness, databases } = this.application;
    if (!readiness.ready) await readiness.prepare();
    const { registry } = databases;
    const dataSource = this.find(registry);
    if (frame && frame.dataSource !== dataSource) {
      throw InboxTransactionError.ofAnother(registry.nameOf(frame.dataSource), registry.nameOf(dataSource));
    }
    return (this.store = await databases.inboxOf(dataSource));
  }

  /**
   * Creates the table before any transaction is open. An application that only publishes events needs none, and may have no database for
   * it.
   *
   * @throws DataSourceNotFoundError for a name that no `DataSource` has.
   */
  async openAtStart(): Promise<void> {
    const { databases } = this.application;
    const { registry } = databases;
    const dataSource = this.name === undefined ? registry.default : registry.get(this.name);
    if (!dataSource?.isInitialized) return;
    try {
      this.store = await databases.inboxOf(dataSource);
    } catch (error) {
      this.logger.warn(
        `Messages cannot be received in the DataSource '${registry.nameOf(dataSource)}': ${errorText(error)}`,
      );
    }
  }

  private find(registry: DataSourceRegistry): DataSourceLike {
    try {
      return registry.get(this.name);
    } catch (error) {
      if (error instanceof AmbiguousDataSourceError) throw new AmbiguousDataSourceError(error.known, 'inbox');
      throw error;
    }
  }
}
