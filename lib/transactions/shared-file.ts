import type { DataSourceLike } from '../core/transactions/typeorm.types.js';
import { UnsupportedDatabaseError } from '../errors/index.js';
import { isSupported } from '../store/databases.js';
import type { TypeOrmDatabases } from './typeorm-databases.js';

/**
 * To be called for the `DataSource` that keeps the jobs. One that shares its file with another would wait for the transaction in
 * which a job is started, and that for it: the driver blocks the process until its time-out.
 *
 * @throws UnsupportedDatabaseError.
 */
export function refuseSharedFile(databases: TypeOrmDatabases, dataSource: DataSourceLike): void {
  const { registry } = databases;
  const { file } = databases.access(dataSource).dialect;
  if (file === undefined) return;
  for (const other of registry.all) {
    if (other === dataSource || !isSupported(other) || databases.access(other).dialect.file !== file)
      continue;
    const [name, otherName] = [registry.nameOf(dataSource), registry.nameOf(other)];
    throw new UnsupportedDatabaseError(
      `A DataSource that keeps the jobs ('${name}') in the SQLite file of another one ('${otherName}': ${file}), where each ` +
        'waits for the transactions of the other,',
      `selfTm({ dataSource: '${otherName}' }), another file for the jobs`,
    );
  }
}
