import { isMap, isScalar, parseDocument } from 'yaml';
import type { SettingName } from './settings.ts';

/**
 * The text of a config file with one setting changed, or taken out with `undefined`. Comments and the order of what is
 * there stay. The text must be free of problems.
 */
export function editConfigText(text: string, name: SettingName, value: unknown): string {
  const document = parseDocument(text, { version: '1.2', schema: 'core' });
  if (value === undefined && !document.hasIn(name.split('.'))) return text;
  const [section, key] = name.split('.') as [string, string];
  if (!isMap(document.contents)) {
    const { comment, commentBefore } = document;
    document.contents = document.createNode({}) as unknown as typeof document.contents;
    document.commentBefore = commentBefore ?? comment ?? null;
    document.comment = null;
  }
  const held = document.get(section, true);
  if (value === undefined) {
    if (isMap(held)) held.delete(key);
  } else {
    if (!isMap(held)) {
      const fresh = document.createNode({});
      if (isScalar(held)) fresh.comment = held.comment ?? null;
      document.set(section, fresh);
    }
    const old = document.getIn([section, key], true);
    if (isScalar(old) && !Array.isArray(value)) old.value = value;
    else document.setIn([section, key], document.createNode(value, { flow: true }));
  }
  const edited = document.toString({ lineWidth: 0 });
  return edited === '{}\n' ? '' : edited;
}
