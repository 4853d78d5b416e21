import { LineLogger } from '../../core/line-logger.js';
import { isProduction } from '../../core/production.js';
import { fleetStoreFor, jobStoreFor, searchFor, steeringFor } from '../../store/databases.js';
import type { ControlStore } from '../../store/control-store.js';
import { MemoryControlStore } from '../../store/memory.control-store.js';
import { SqlControlStore } from '../../store/sql.control-store.js';
import type { ConnectionBeside } from '../../store/connections/connection-beside.js';
import type { JobNotifications } from '../../store/dialect.js';
import { refuseSharedFile } from '../../transactions/shared-file.js';
import type { TypeOrmDatabases } from '../../transactions/typeorm-databases.js';
import type { DataSourceLike } from '../../core/transactions/typeorm.types.js';
import { MemoryStoreInProductionError, TransactionManagerUnavailableError } from '../../errors/index.js';
import type { FleetStore } from '../../store/fleet/fleet-store.js';
import { MemoryFleetStore } from '../../store/fleet/memory.fleet-store.js';
import type { JobStore } from '../../store/job-store.js';
import { MemoryJobStore } from '../../store/memory.job-store.js';
import { MemorySearchStore } from '../../store/search/memory.search-store.js';
import type { SearchStore } from '../../store/search/search-store.js';
import type { AuditStore } from '../../store/steering/audit-store.js';
import { MemoryAuditStore } from '../../store/steering/memory.audit-store.js';
import { MemorySteeringStore } from '../../store/steering/memory.steering-store.js';
import type { SteeringStore } from '../../store/steering/steering-store.js';
import type { ResolvedSelfTmOptions } from './self-tm.options.js';

/** Which part of the lease a renewal may wait for the connection beside the pool: a COMMIT on a busy disk is no silence. */
const RENEWAL_PATIENCE = 4;

/** An open job store, and what its database provides. */
export interface OpenStore {
  readonly store: JobStore;
  readonly search: SearchStore;
  readonly steering: SteeringStore;
  readonly audit: AuditStore;
  /** What steers all processes. */
  readonly controls: ControlStore;
  /** What is known of the processes. */
  readonly fleet: FleetStore;
  /** Undefined for the memory store. */
  readonly dataSource: DataSourceLike | undefined;
  /** All transactions of the database share one connection (SQLite). */
  readonly serial: boolean;
  /** Whether a transaction is open on that connection at this moment. */
  readonly inTransaction: () => boolean;
  readonly notifications: JobNotifications | undefined;
  /** The connection of the renewals. */
  readonly beside?: ConnectionBeside | undefined;
  readonly poolSize?: number | undefined;
}

/**
 * Opens the job store, and creates or checks its tables.
 *
 * @throws DataSourceNotFoundError, AmbiguousDataSourceError, UnsupportedDatabaseError, SchemaOutdatedError.
 * @throws MemoryStoreInProductionError when there is no `DataSource`, in production, and memory was not asked for.
 */
export async function openStore(
  options: ResolvedSelfTmOptions,
  databases: TypeOrmDatabases,
  autoMigrate: boolean,
): Promise<OpenStore> {
  databases.boundStatements(options.statementTimeout);
  const { registry } = databases;
  const wanted =
    options.store ?? (options.dataSource !== undefined || registry.all.length > 0 ? 'typeorm' : undefined);
  if (wanted !== 'typeorm') return openMemory(wanted === 'memory');

  const dataSource = registry.get(options.dataSource);
  if (!dataSource.isInitialized) throw notInitialized(registry.nameOf(dataSource));
  refuseSharedFile(databases, dataSource);
  const { dialect, connection } = databases.access(dataSource);
  const store = jobStoreFor(dialect, connection);
  await databases.withTables(dataSource, () => store.initialize(autoMigrate));
  const notifications = dialect.notifications(connection);
  // A failure there leaves the pool enough of the lease.
  const patience = Math.min(options.statementTimeout, options.leaseDuration / RENEWAL_PATIENCE);
  const beside = dialect.beside(connection, notifications, patience);
  if (beside) store.renewals = beside;
  return {
    store,
    search: searchFor(dialect, connection, store),
    ...steeringFor(dialect, connection, store),
    controls: new SqlControlStore(connection, dialect),
    fleet: fleetStoreFor(dialect, connection),
    dataSource,
    serial: dialect.gate !== undefined,
    inTransaction: () => connection.inTransaction,
    notifications,
    beside,
    poolSize: dialect.poolSize,
  };
}

function notInitialized(name: string): TransactionManagerUnavailableError {
  const cause = new Error('it is not initialized; initialize it in onModuleInit at the latest');
  return new TransactionManagerUnavailableError(`The DataSource '${name}'`, { cause });
}

async function openMemory(asked: boolean): Promise<OpenStore> {
  if (!asked) {
    if (isProduction()) throw new MemoryStoreInProductionError();
    new LineLogger('SelfTransactionManager').warn(
      'The application has no TypeORM DataSource: jobs are kept in memory and do not survive a restart. ' +
        "Provide a DataSource, or say selfTm({ store: 'memory' }).",
    );
  }
  const store = new MemoryJobStore();
  const audit = new MemoryAuditStore();
  return {
    store,
    search: new MemorySearchStore(store),
    steering: new MemorySteeringStore(store, audit),
    audit,
    controls: new MemoryControlStore(),
    fleet: new MemoryFleetStore(store),
    dataSource: undefined,
    serial: false,
    inTransaction: () => false,
    notifications: undefined,
  };
}
