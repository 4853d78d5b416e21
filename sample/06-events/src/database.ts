import type { DynamicModule, Type } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';

/** A database in the file that the settings of a service name. */
export function database<T>(config: Type<T>, fileOf: (config: T) => string): DynamicModule {
  return TypeOrmModule.forRootAsync({
    inject: [config],
    useFactory: (settings: T) => ({
      type: 'better-sqlite3',
      database: fileOf(settings),
      enableWAL: true,
      // The driver is synchronous: while the process waits for a lock, it can do nothing else.
      timeout: 100,
      autoLoadEntities: true,
      // Only for a sample. An application uses migrations.
      synchronize: true,
    }),
  });
}
