import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EntriesService } from './entries.service.js';
import { Entry } from './entry.entity.js';
import { RegistrationsService } from './registrations.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Entry])],
  providers: [EntriesService, RegistrationsService],
})
export class RegistrationsModule {}
