import { IsEmail } from 'class-validator';

export class CorrectEmailDto {
  @IsEmail()
  customerEmail!: string;
}
