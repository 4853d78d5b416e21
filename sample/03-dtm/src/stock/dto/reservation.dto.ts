import { Type } from 'class-transformer';
import { ArrayNotEmpty, IsInt, IsString, Min, ValidateNested } from 'class-validator';

export class ReservedLineDto {
  @IsString()
  sku!: string;

  @IsInt()
  @Min(1)
  quantity!: number;
}

/** The request of the order service. It is stored with jobs, so change it only in compatible ways. */
export class ReservationDto {
  @IsString()
  orderNumber!: string;

  @ArrayNotEmpty()
  @ValidateNested({ each: true })
  @Type(() => ReservedLineDto)
  lines!: ReservedLineDto[];
}
