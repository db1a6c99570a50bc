import type { OneTimeLinkView } from '../../contract/identity_schemas.ts';
import { minuteText } from '../format/times.ts';
import { languageTag, messages } from '../state/language.ts';
import { linkTo } from '../state/route.ts';
import { CopyText } from './copy_text.tsx';
import { Card } from './page.tsx';

/** A link that was just made for somebody; it is shown this once. */
export function OneTimeLink({ name, link }: { readonly name: string; readonly link: OneTimeLinkView }) {
  const m = messages.value.people;
  const url = link.url ?? `${location.origin}/${linkTo('welcome', link.link)}`;
  return (
    <Card title={m.linkTitle(name)} lead={m.linkText}>
      <CopyText text={url} label={m.linkTitle(name)} />
      <p class="quiet">{m.linkUntil(minuteText(link.expiresAtMs, languageTag.value))}</p>
    </Card>
  );
}
