import { davTag } from './xml_text.ts';

/** Inside of the property `supportedlock` (RFC 4918 section 15.10). */
export const SUPPORTED_LOCKS = ['exclusive', 'shared']
  .map((scope) =>
    davTag('lockentry', davTag('lockscope', davTag(scope)) + davTag('locktype', davTag('write'))),
  )
  .join('');
