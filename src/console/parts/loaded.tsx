import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { messages } from '../state/language.ts';
import { Failure } from './form.tsx';

export interface Loaded<T> {
  readonly value: T | null;
  readonly failure: unknown;
  readonly reload: () => Promise<void>;
}

/** Asks once for what a page shows, and again by `reload`. */
export function useLoaded<T>(ask: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; failure: unknown }>({ value: null, failure: null });
  const reload = async (): Promise<void> => {
    try {
      setState({ value: await ask(), failure: null });
    } catch (failure) {
      setState((before) => ({ ...before, failure }));
    }
  };
  useEffect(() => {
    void reload();
  }, []);
  return { ...state, reload };
}

interface ShownProps<T> {
  readonly loaded: Loaded<T>;
  readonly children: (value: T) => ComponentChildren;
}

/** What was asked for, or that it is still to come, or why it does not come. */
export function Shown<T>({ loaded: { value, failure }, children }: ShownProps<T>) {
  if (failure !== null && value === null) return <Failure failure={failure} />;
  if (value === null) return <p class="quiet">{messages.value.shell.loading}</p>;
  return <>{children(value)}</>;
}
