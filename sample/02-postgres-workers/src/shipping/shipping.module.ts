import { Module } from '@nestjs/common';
import { LabelPrinter } from './label-printer.js';
import { BookCarrier } from './steps/book-carrier.step.js';
import { PrintLabel } from './steps/print-label.step.js';

@Module({ providers: [LabelPrinter, BookCarrier, PrintLabel] })
export class ShippingModule {}
