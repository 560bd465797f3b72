/** kernel_info_request: who we are. Announces only what works. */

import type { Handler } from '../handler.js';
import type { Language } from '../language.js';
import { protocolVersion } from '../message.js';

/** Optional features that work. Each is added by the commit that makes it work. */
function supportedFeatures(language: Language): string[] {
  return ['kernel subshells', ...(language.debug === undefined ? [] : ['debugger'])];
}

export const kernelInfo: Handler = (_request, { language, language: { info } }) => ({
  type: 'kernel_info_reply',
  content: {
    status: 'ok',
    protocol_version: protocolVersion,
    implementation: info.implementation,
    implementation_version: info.implementationVersion,
    banner: info.banner,
    versions: info.versions,
    help_links: info.helpLinks,
    supported_features: supportedFeatures(language),
    debugger: language.debug !== undefined,
    language_info: {
      name: info.name,
      version: info.version,
      mimetype: info.mimetype,
      file_extension: info.fileExtension,
      pygments_lexer: info.pygmentsLexer,
      codemirror_mode: info.codemirrorMode,
      nbconvert_exporter: info.nbconvertExporter,
    },
  },
});
