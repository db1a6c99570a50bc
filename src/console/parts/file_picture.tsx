/** A small picture of a folder or a file. */
export function FilePicture({ kind }: { readonly kind: 'folder' | 'file' | 'other' }) {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true" class={`file-picture ${kind}`}>
      {kind === 'folder' ? (
        <path d="M2 5.5A1.5 1.5 0 0 1 3.5 4h4l2 2h7A1.5 1.5 0 0 1 18 7.5v7A1.5 1.5 0 0 1 16.5 16h-13A1.5 1.5 0 0 1 2 14.5z" />
      ) : (
        <path d="M5 2.5h6.5L15.5 6.5v11H5zM11.5 2.5v4h4" />
      )}
    </svg>
  );
}
