import { Module } from '@nestjs/common';
import { StockModule } from '../stock/stock.module.js';
import { Mailer } from './mailer.js';
import { SendOrderConfirmation } from './steps/send-order-confirmation.step.js';

@Module({ imports: [StockModule], providers: [Mailer, SendOrderConfirmation] })
export class NotificationsModule {}
