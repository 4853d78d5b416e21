import { Body, Controller, Get, Inject, Post, Query, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { QUERY_SIGNATURE, QUERY_TOKEN } from './callback-addresses.js';
import type { CallbackAnswer } from './dtm-callback.js';
import { DtmStepService } from './dtm-step.service.js';
import { PreparedQueryService } from './prepared-query.service.js';

/** What Express and Fastify have in common. */
interface ResponseLike {
  status(code: number): unknown;
}

type Parameters = Readonly<Record<string, unknown>>;

const STATUS: Readonly<Record<CallbackAnswer, number>> = {
  success: 200,
  failure: 409,
  ongoing: 425,
  error: 500,
  unauthenticated: 401,
  invalid: 400,
};

/**
 * The routes that DTM calls.
 *
 * The body holds only the answer: DTM looks for `FAILURE` and `ONGOING` in every body, whatever the status, and would
 * find them in the text of an error. The status is set by hand, since Nest answers a POST with 201, which DTM
 * repeats for ever.
 */
export function httpCallbackController(path: string): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  class DtmCallbackController {
    constructor(
      @Inject(PreparedQueryService) private readonly queries: PreparedQueryService,
      @Inject(DtmStepService) private readonly steps: DtmStepService,
    ) {}

    @Get('query-prepared')
    async queryPrepared(
      @Query() query: unknown,
      @Res({ passthrough: true }) response: unknown,
    ): Promise<object> {
      const parameters = (query ?? {}) as Parameters;
      const answer = await this.queries.answer({
        ...callOf(parameters),
        token: parameters[QUERY_TOKEN],
        signature: parameters[QUERY_SIGNATURE],
      });
      return respond(response as ResponseLike, answer);
    }

    @Post('step')
    async step(
      @Query() query: unknown,
      @Body() payload: unknown,
      @Res({ passthrough: true }) response: unknown,
    ): Promise<object> {
      const answer = await this.steps.answer({ ...callOf((query ?? {}) as Parameters), payload });
      return respond(response as ResponseLike, answer);
    }
  }
  return DtmCallbackController;
}

function callOf({ gid, trans_type: transType, branch_id: branchId, op }: Parameters) {
  return { gid, transType, branchId, op };
}

function respond(response: ResponseLike, answer: CallbackAnswer): object {
  response.status(STATUS[answer]);
  return { dtm_result: answer };
}
