import {
  Controller,
  SetMetadata,
  UseGuards,
  VERSION_NEUTRAL,
  type CanActivate,
  type Type,
} from '@nestjs/common';
import { DashboardRoutes } from './dashboard.routes.js';

export interface DashboardControllerParts {
  readonly path: string;
  readonly guards: readonly (Type<CanActivate> | CanActivate)[];
  readonly decorators: readonly ClassDecorator[];
}

/** A controller at this path, with these guards after those that the decorators bring. */
export function dashboardController({ path, guards, decorators }: DashboardControllerParts): Type {
  class SteppingDashboardController extends DashboardRoutes {}
  const all = [
    Controller({ path, version: VERSION_NEUTRAL }),
    // @nestjs/swagger leaves such controllers out.
    SetMetadata('swagger/apiExcludeController', [true]),
    ...decorators,
    UseGuards(...guards),
  ];
  for (const decorate of all) decorate(SteppingDashboardController);
  return SteppingDashboardController;
}
