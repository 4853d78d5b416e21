import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Inbox } from './inbox.js';
import { ReceivedRequest } from './received-request.entity.js';

@Module({ imports: [TypeOrmModule.forFeature([ReceivedRequest])], providers: [Inbox], exports: [Inbox] })
export class InboxModule {}
