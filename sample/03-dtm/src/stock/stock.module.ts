import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { InboxModule } from '../inbox/inbox.module.js';
import { CatalogueService } from './catalogue.service.js';
import { Product } from './product.entity.js';
import { ReservationsController } from './reservations.controller.js';
import { ReservationsService } from './reservations.service.js';
import { StockMovement } from './stock-movement.entity.js';

@Module({
  imports: [TypeOrmModule.forFeature([Product, StockMovement]), InboxModule],
  controllers: [ReservationsController],
  providers: [ReservationsService, CatalogueService],
})
export class StockModule {}
