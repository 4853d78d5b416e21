import { Global, Module } from '@nestjs/common';
import { ShopConfig } from './shop.config.js';

@Global()
@Module({ providers: [ShopConfig], exports: [ShopConfig] })
export class ConfigModule {}
