import { LinkButton } from '../parts/buttons.tsx';
import { Empty, Page } from '../parts/page.tsx';
import { messages } from '../state/language.ts';
import { linkTo } from '../state/route.ts';

export function NotFoundPage() {
  const m = messages.value.shell;
  return (
    <Page title={m.notFound}>
      <Empty title={m.notFound} text={m.notFoundText}>
        <LinkButton kind="primary" href={linkTo()}>
          {m.toOverview}
        </LinkButton>
      </Empty>
    </Page>
  );
}
