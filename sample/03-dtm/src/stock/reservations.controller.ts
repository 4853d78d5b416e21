import { setTimeout as wait } from 'node:timers/promises';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { StockConfig } from '../config/stock.config.js';
import { IdempotencyKey } from '../inbox/idempotency-key.decorator.js';
import { ReservationDto } from './dto/reservation.dto.js';
import { ReservationsService } from './reservations.service.js';

@Controller('reservations')
export class ReservationsController {
  constructor(
    private readonly reservations: ReservationsService,
    private readonly config: StockConfig,
  ) {}

  /** For the order service. The report follows, whether or not this answer arrives. */
  @Post()
  @HttpCode(204)
  async reserve(@Body() reservation: ReservationDto, @IdempotencyKey() requestKey: string): Promise<void> {
    await this.reservations.reserve(reservation, requestKey);
    await wait(this.config.answerLatency);
  }
}
