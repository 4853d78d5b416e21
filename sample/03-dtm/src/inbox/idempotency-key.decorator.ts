import { BadRequestException, createParamDecorator, type ExecutionContext } from '@nestjs/common';

const MAX_LENGTH = 255;

/** The `Idempotency-Key` of the request, which must have one. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const request = context.switchToHttp().getRequest<{ headers: Record<string, unknown> }>();
  const key = request.headers['idempotency-key'];
  if (typeof key === 'string' && key !== '' && key.length <= MAX_LENGTH) return key;
  throw new BadRequestException(`An Idempotency-Key header of 1 to ${MAX_LENGTH} characters is needed`);
});
