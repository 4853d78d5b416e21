import { IsInt, IsNotEmpty, IsString, Matches, Min } from 'class-validator';

export class NewInvoiceDto {
  @Matches(/^[A-Z]-\d{3,6}$/, { message: 'number must look like R-1001' })
  number!: string;

  @IsString()
  @IsNotEmpty()
  customer!: string;

  @IsInt()
  @Min(1)
  totalCents!: number;
}
