import { Controller, Get } from '@nestjs/common';
import type { Product } from './product.entity.js';
import { StockService } from './stock.service.js';

@Controller('stock')
export class StockController {
  constructor(private readonly stock: StockService) {}

  @Get()
  list(): Promise<Product[]> {
    return this.stock.list();
  }
}
