import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { NotificationsModule } from '../notifications/notifications.module.js';
import { StockModule } from '../stock/stock.module.js';
import { OrderImportService } from './order-import.service.js';
import { Order, OrderLine } from './order.entity.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Order, OrderLine]), StockModule, NotificationsModule],
  controllers: [OrdersController],
  providers: [OrdersService, OrderImportService],
})
export class OrdersModule {}
