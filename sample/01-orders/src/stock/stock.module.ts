import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CatalogueService } from './catalogue.service.js';
import { Product } from './product.entity.js';
import { StockMovement } from './stock-movement.entity.js';
import { StockController } from './stock.controller.js';
import { StockService } from './stock.service.js';
import { ReserveStock } from './steps/reserve-stock.step.js';

@Module({
  imports: [TypeOrmModule.forFeature([Product, StockMovement])],
  controllers: [StockController],
  providers: [StockService, CatalogueService, ReserveStock],
  exports: [StockService],
})
export class StockModule {}
