import type { FastifyInstance } from 'fastify';

/** Nothing of elsewhere, nothing inline, in no frame. Without HSTS: that would bind every port of this host name. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
} as const;

/** Answers carry them, whatever they are; what says nothing of caching is not to be kept. */
export function addSecurityHeaders(server: FastifyInstance): void {
  server.addHook('onRequest', async (_request, reply) => {
    reply.headers(HEADERS);
    reply.header('cache-control', 'no-store');
  });
}

/** For answers that are written past the framework. */
export const STREAM_HEADERS = { ...HEADERS, 'cache-control': 'no-store' };
