import { SetMetadata } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { errorText } from '../errors/error-text.js';

/** What `RouteConfig()` of @nestjs/platform-fastify writes: Fastify hands it on with the route. */
const ROUTE_CONFIG = '__fastify_route_config__';
const MARK = 'answersWithSlash';

interface FastifyRoute {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The parts of a Fastify instance that are used here. */
interface FastifyLike {
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): unknown;
  route(route: FastifyRoute): unknown;
}

/** The route of this handler answers under its path with a slash at the end as well. */
export const AnswersWithSlash = (): MethodDecorator => SetMetadata(ROUTE_CONFIG, { [MARK]: true });

/**
 * On Fastify, a path with a slash at its end is another one. Each marked route is registered a second time, with the same handler, so that
 * guards stand before both. On Express one route answers both.
 */
export class TrailingSlash {
  private instance: FastifyLike | undefined;
  private readonly marked: FastifyRoute[] = [];

  /** Called before routes are registered. */
  watch(adapter: AbstractHttpAdapter | undefined): void {
    if (adapter?.getType() !== 'fastify') return;
    this.instance = adapter.getInstance<FastifyLike>();
    this.instance.addHook('onRoute', (route) => {
      const { method, url, config } = route;
      if (method === 'GET' && config?.[MARK] === true && !url.endsWith('/')) this.marked.push({ ...route });
    });
  }

  /** Called when routes are registered. */
  register(): void {
    for (const route of this.marked.splice(0)) {
      try {
        this.instance?.route({ ...route, url: `${route.url}/` });
      } catch (error) {
        // With `ignoreTrailingSlash`, both are one path already.
        if (!/already declared/.test(errorText(error))) throw error;
      }
    }
  }
}
