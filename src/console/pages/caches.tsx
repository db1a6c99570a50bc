import { useEffect } from 'preact/hooks';
import { call } from '../api/client.ts';
import { every } from '../browser/clock.ts';
import { shownCaches } from '../format/caches.ts';
import { CacheCard } from '../parts/cache_card.tsx';
import { CopyText } from '../parts/copy_text.tsx';
import { Shown, useLoaded } from '../parts/loaded.tsx';
import { Empty, Page } from '../parts/page.tsx';
import { messages } from '../state/language.ts';
import { may } from '../state/rights.ts';

const LOOK_MS = 5_000;

/** The caches of mounts, here and in machines, as they are now. */
export function CachesPage() {
  const m = messages.value.caches;
  const loaded = useLoaded(async () => {
    const mounts = await call('listMounts', {});
    return shownCaches(mounts, may('share.read') ? await call('listShares', {}) : []);
  });
  useEffect(() => every(LOOK_MS, () => void loaded.reload()), []);
  return (
    <Page title={m.title} lead={m.lead}>
      <Shown loaded={loaded}>
        {(caches) =>
          caches.length === 0 ? (
            <Empty title={m.emptyTitle} text={m.emptyText}>
              <CopyText text={m.command} label={m.commandLabel} />
            </Empty>
          ) : (
            caches.map((cache) => <CacheCard key={`${cache.machine} ${cache.mountpoint}`} {...cache} />)
          )
        }
      </Shown>
    </Page>
  );
}
