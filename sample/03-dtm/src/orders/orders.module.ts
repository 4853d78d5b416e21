import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { InboxModule } from '../inbox/inbox.module.js';
import { Invoice } from './invoice.entity.js';
import { Order, OrderLine } from './order.entity.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { PriceList } from './price-list.js';
import { WriteInvoice } from './steps/write-invoice.step.js';

@Module({
  imports: [TypeOrmModule.forFeature([Order, OrderLine, Invoice]), InboxModule],
  controllers: [OrdersController],
  providers: [OrdersService, PriceList, WriteInvoice],
})
export class OrdersModule {}
