import type { Page } from 'playwright-core';

/**
 * Drops a folder `photos` onto the form as a file manager does: three files, one of them deeper, and an empty folder. A
 * page can make files to be dropped and no folders, so that the entries are its own, of the interface that browsers have.
 */
export async function dropFolder(page: Page): Promise<void> {
  await page.locator('.drop-area').evaluate((area) => {
    const file = (name: string, text: string) => ({
      name,
      isFile: true,
      file: (take: (file: File) => void) => take(new File([text], name, { lastModified: 1_600_000_000_000 })),
    });
    const folder = (name: string, children: object[]) => ({
      name,
      isFile: false,
      createReader: () => {
        const batches = [children.slice(0, 1), children.slice(1), []];
        return { readEntries: (take: (some: object[]) => void) => take(batches.shift() ?? []) };
      },
    });
    const photos = folder('photos', [
      file('a.txt', 'bytes'),
      file('b.txt', 'of'),
      folder('deep', [file('c.txt', 'files here')]),
      folder('empty', []),
    ]);
    const transfer = new DataTransfer();
    transfer.items.add(new File(['stands for the folder'], 'photos'));
    for (const kind of ['dragover', 'drop']) {
      const event = new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer });
      const items = [{ kind: 'file', webkitGetAsEntry: () => photos, getAsFile: () => null }];
      if (kind === 'drop')
        Object.defineProperty(event, 'dataTransfer', { value: { types: ['Files'], items } });
      area.querySelector('select')?.dispatchEvent(event);
    }
  });
}
