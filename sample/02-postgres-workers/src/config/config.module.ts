import { Global, Module } from '@nestjs/common';
import { DepotConfig } from './depot.config.js';

@Global()
@Module({ providers: [DepotConfig], exports: [DepotConfig] })
export class ConfigModule {}
