import { Module } from '@nestjs/common';
import { DeliverMessage } from './steps/deliver-message.step.js';

@Module({ providers: [DeliverMessage] })
export class MessagesModule {}
