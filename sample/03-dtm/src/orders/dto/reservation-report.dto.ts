import { Type } from 'class-transformer';
import { IsInt, IsString, Min, ValidateNested } from 'class-validator';

export class ReportedLineDto {
  @IsString()
  sku!: string;

  @IsInt()
  @Min(0)
  reserved!: number;
}

/** How much of an order the stock service could reserve. */
export class ReservationReportDto {
  @ValidateNested({ each: true })
  @Type(() => ReportedLineDto)
  lines!: ReportedLineDto[];
}
