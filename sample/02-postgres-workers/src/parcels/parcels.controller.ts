import { Body, Controller, Post } from '@nestjs/common';
import { RegisterParcelDto } from './dto/register-parcel.dto.js';
import { ParcelsService } from './parcels.service.js';

@Controller('parcels')
export class ParcelsController {
  constructor(private readonly parcels: ParcelsService) {}

  @Post()
  async register(@Body() dto: RegisterParcelDto): Promise<{ number: string }> {
    await this.parcels.register(dto);
    return { number: dto.number };
  }
}
