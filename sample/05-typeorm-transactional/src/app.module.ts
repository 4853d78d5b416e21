import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SteppingModule } from 'nestjs-stepping';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { addTransactionalDataSource } from 'typeorm-transactional';
import { databaseOptions } from './database.js';
import { MessagesModule } from './messages/messages.module.js';
import { RegistrationsModule } from './registrations/registrations.module.js';

@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      useFactory: () => databaseOptions(),
      dataSourceFactory: async (options) =>
        addTransactionalDataSource(new DataSource(options as DataSourceOptions)),
    }),
    SteppingModule.forRoot(),
    MessagesModule,
    RegistrationsModule,
  ],
})
export class AppModule {}
